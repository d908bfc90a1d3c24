"""A Hydra callback that gives every sweep a table and a report, with any sweeper and any launcher."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from prunesweep.errors import fatal
from prunesweep.process import interrupted
from prunesweep.results.result import remove_outputs, write_failed


class SweepTable(Callback):
    """Record why a job of a sweep failed. At the end of the sweep, print its table and write its report."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Remove the outputs of an earlier run from a single run's directory, before Hydra saves the new config.

        With `dry_run=true`, show the plan and end the process instead: Hydra has not written anything yet.
        """
        from prunesweep.search.sweep_directory import check_unclaimed

        folder = Path(config.hydra.run.dir)
        with fatal():
            _check_is_no_benchmark(config)
            if config.get("dry_run"):
                _show_plan(config)
                sys.exit(0)
            check_unclaimed(folder, "hydra.run.dir")
            remove_outputs(folder)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Refuse the directory of another sweep, and a search for the worst network.

        The sweepers of this project check their directories themselves, and continue their sweeps.
        """
        if config.hydra.sweeper._target_.startswith(f"{__package__}."):
            return
        from prunesweep.results.run_directory import run_folders
        from prunesweep.search.sweep_directory import Refused, check_unclaimed

        folder = Path(config.hydra.sweep.dir)
        with fatal():
            if config.get("dry_run"):
                raise Refused(
                    "dry_run=true: only sweepers of this project can show a plan, such as search=grid or "
                    "search=tradeoff."
                )
            check_unclaimed(folder, "hydra.sweep.dir")
            if next(run_folders(folder), None) is not None:
                raise Refused(
                    f"hydra.sweep.dir={folder}: contains runs, and this sweeper cannot continue them. "
                    "Choose another directory."
                )
            direction = config.hydra.sweeper.get("direction")
            if direction is not None and str(getattr(direction, "name", direction)) == "minimize":
                raise Refused(
                    "hydra.sweeper.direction=minimize: this sweeper would search for the lowest accuracy, because a "
                    "run returns its validation accuracy. Set hydra.sweeper.direction=maximize, or use a search of "
                    "this project such as search=tradeoff."
                )

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:  # noqa: ARG002
        """Write the status `failed` into the job's directory, unless a signal ended it. Runs in the worker process."""
        error = job_return._return_value
        failed = job_return.status is JobStatus.FAILED and isinstance(error, Exception)
        if not failed or interrupted() or config.hydra.mode is not RunMode.MULTIRUN:
            return
        assert isinstance(error, BaseException)
        write_failed(Path(config.hydra.runtime.output_dir), list(config.hydra.overrides.task), error)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Print the table and write the report, also if jobs failed or the sweep was interrupted.

        Runs in the process that started the sweep. A sweep that was refused leaves its directory as it is.
        """
        from prunesweep.results.run_directory import planned_runs, run_folders
        from prunesweep.search.sweep_directory import Refused, report_directory

        sweep, error = Path(config.hydra.sweep.dir), sys.exc_info()[1]
        if config.get("dry_run") or isinstance(error, Refused):
            return
        has_runs = next(run_folders(sweep), None) is not None
        if not has_runs and not (isinstance(error, KeyboardInterrupt) and planned_runs(sweep)):
            return  # no job has started
        if isinstance(error, KeyboardInterrupt):
            _add_directory(error, config)
        report_directory(sweep)
        from prunesweep.report.console.terminal import conclude

        try:
            with fatal():
                conclude([sweep], sweep)
                if error is None:
                    _compare_with_baselines(sweep, config)
        except KeyboardInterrupt as interrupt:
            _add_directory(interrupt, config)
            raise


def _check_is_no_benchmark(config: DictConfig) -> None:
    """Raise `UsageError` if a single run has baselines, because it would not run them."""
    from prunesweep.errors import UsageError

    if config.hydra.get("sweeper", {}).get("baselines"):
        option = config.hydra.runtime.choices.get("experiment")
        raise UsageError(f"experiment={option}: is a sweep. Add -m to the command, before experiment={option}.")


def _compare_with_baselines(sweep: Path, config: DictConfig) -> None:
    """Print the comparison of a sweep with its baselines, if it has any."""
    baselines = config.hydra.sweeper.get("baselines")
    if not baselines:
        return
    from prunesweep.errors import UsageError
    from prunesweep.report.compute.comparison import compare
    from prunesweep.report.compute.gather import gather
    from prunesweep.report.console.comparison import show_comparison

    try:
        show_comparison(compare(gather([sweep]), next(key for key, text in baselines.items() if text is not None)))
    except UsageError as reason:
        logging.getLogger("prunesweep").warning("The sweep cannot be compared with its baselines: %s", reason)


def _show_plan(config: DictConfig) -> None:
    """Print the plan of a single run."""
    from prunesweep.config import build
    from prunesweep.experiment.forecast import forecast
    from prunesweep.experiment.planning import plan_run
    from prunesweep.report.console.plan import line
    from prunesweep.report.console.text import say

    run = build(config)
    plan_run(run)  # raises the error that the run would raise
    say(line(forecast([run])))


def _add_directory(interrupt: KeyboardInterrupt, config: DictConfig) -> None:
    """Add the sweep's directory to the command that continues the sweep, because its name can contain the time."""
    from prunesweep.search.sweep_directory import directory_override

    if not any(override.startswith("hydra.sweep.dir=") for override in config.hydra.overrides.hydra):
        interrupt.args = (directory_override(Path(config.hydra.sweep.dir)),)
