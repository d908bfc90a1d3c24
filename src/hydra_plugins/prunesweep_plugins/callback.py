"""A Hydra callback that gives every sweep a table and a report, with any sweeper and any launcher."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from prunesweep.errors import fatal
from prunesweep.results.result import remove_outputs, write_failed


class SweepTable(Callback):
    """Record why a job of a sweep failed. At the end of the sweep, print its table and write its report."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Remove the outputs of an earlier run from the directory of a single run, before Hydra saves the new config."""
        with fatal():
            remove_outputs(Path(config.hydra.run.dir))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:  # noqa: ARG002
        """Write the status `failed` into the job's directory. Runs in the worker process."""
        error = job_return._return_value
        failed = job_return.status is JobStatus.FAILED and isinstance(error, Exception)  # not an interruption
        if not failed or config.hydra.mode is not RunMode.MULTIRUN:
            return
        assert isinstance(error, BaseException)
        write_failed(Path(config.hydra.runtime.output_dir), list(config.hydra.overrides.task), error)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Print the table and write the report, also if jobs failed or the sweep was interrupted.

        Runs in the process that started the sweep.
        """
        sweep = Path(config.hydra.sweep.dir)
        interrupt = sys.exc_info()[1]
        if isinstance(interrupt, KeyboardInterrupt) and not _is_given("hydra.sweep.dir", config):
            interrupt.args = (f"hydra.sweep.dir={sweep}",)  # the directory's name contains the time of the first start
        if next(sweep.glob("**/.hydra"), None) is None:
            return  # no job has started
        from prunesweep.report.console.terminal import conclude

        with fatal():
            conclude([sweep], sweep)


def _is_given(key: str, config: DictConfig) -> bool:
    return any(override.startswith(f"{key}=") for override in config.hydra.overrides.hydra)
