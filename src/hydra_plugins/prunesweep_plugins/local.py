"""The default launcher: runs the tree of a sweep on all cores of this machine."""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.prunesweep_plugins import launching

if TYPE_CHECKING:
    from prunesweep.config import RunConfig
    from prunesweep.experiment.forecast import Forecast
    from prunesweep.experiment.sweep import Sweep
    from prunesweep.search.evaluation import TrialRun

log = logging.getLogger(__name__)


class LocalLauncher(Launcher):
    """Runs jobs in worker processes, or in this process with `workers=1`."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.context = hydra_context
        self.task_function = task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs, and return them in their order."""
        return self.run(job_overrides, initial_job_idx, [], None)

    def run(
        self, jobs: Sequence[Sequence[str]], first: int, configs: Sequence[RunConfig], forecast: Forecast | None
    ) -> list[JobReturn]:
        """Run all jobs, and return them in their order.

        Args:
            jobs: The overrides of each job.
            first: The number of the first job.
            configs: The settings of each job, if there is a forecast.
            forecast: The plan of the jobs.
        """
        from prunesweep.experiment.sweep import Run

        runs = [Run(first + position, tuple(job)) for position, job in enumerate(jobs)]
        returns: dict[int, JobReturn] = {}
        with self.session(launching.workers(self.config, forecast)) as sweep:
            sweep.add(runs, configs, forecast)
            for run, ended in sweep.ended():
                returns[run.number] = ended.value if ended.error is None else _failed(run.overrides, ended.error)
        return [returns[run.number] for run in runs]

    @contextmanager
    def executor(self, workers: int, job_of: Callable[[TrialRun], list[str]]) -> Iterator[LocalExecutor]:
        """Start workers that execute the runs of a search.

        Args:
            workers: Their number.
            job_of: Returns the overrides of a run.
        """
        with self.session(workers) as sweep:
            yield LocalExecutor(self, sweep, workers, job_of)

    def plan(self, jobs: Sequence[Sequence[str]]) -> tuple[list[RunConfig], Forecast | None]:
        """Return the settings and the plan of jobs that are added to a session. Jobs with an error have no plan."""
        from prunesweep.config import build
        from prunesweep.errors import UsageError
        from prunesweep.experiment.forecast import forecast

        try:
            configs = [build(self.context.config_loader.load_sweep_config(self.config, list(job))) for job in jobs]
            return configs, forecast(configs)
        except UsageError:
            return [], None

    @contextmanager
    def session(self, workers: int) -> Iterator[Sweep]:
        """Start workers, and yield a sweep without runs."""
        from hydra_plugins.prunesweep_plugins.jobs import JobHandler
        from prunesweep.experiment.sweep import Sweep
        from prunesweep.report.console.sweep import SweepDisplay
        from prunesweep.workers import Pool, ThisProcess, Workers

        setup_globals()
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        try:
            with ExitStack() as stack:
                pool: Pool
                if workers == 1:
                    pool = ThisProcess(JobHandler(self.context, self.config, self.task_function, None))
                else:
                    # The workers create it, so that it does not remain if this process is killed before they start.
                    data = Path(tempfile.gettempdir(), f"prunesweep-{secrets.token_hex(16)}").absolute()
                    stack.callback(shutil.rmtree, data, ignore_errors=True)
                    handler = JobHandler(self.context, self.config, self.task_function, str(data))
                    gpus = launching.environments(self.config)
                    pool = stack.enter_context(Workers(workers, handler, data, gpus))
                    threading.Thread(target=_prepare_report).start()  # while this process waits for the workers
                display = stack.enter_context(SweepDisplay())
                self._log_as_hydra()  # above the bar
                yield Sweep(pool, display)
        finally:
            self._log_as_hydra()

    def _log_as_hydra(self) -> None:
        hydra = self.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose, execution_whitelist=self.context.execution_whitelist)


class LocalExecutor:
    """Executes the runs of trials in the workers of a session. Satisfies `prunesweep.search.executing.Executor`."""

    shows_progress = True

    def __init__(
        self, launcher: LocalLauncher, sweep: Sweep, workers: int, job_of: Callable[[TrialRun], list[str]]
    ) -> None:
        self._launcher = launcher
        self._sweep = sweep
        self._workers = workers
        self._job_of = job_of
        self._directories: dict[tuple[str, ...], str] = {}

    @property
    def free(self) -> int:
        return max(0, self._workers - self._sweep.unfinished)

    def start(self, trials: Mapping[int, Sequence[TrialRun]], expected: int) -> None:
        from prunesweep.experiment.sweep import Run

        runs = []
        for trial, each in trials.items():
            for index, run in enumerate(each):
                runs.append(Run(trial + index, tuple(self._job_of(run))))
                self._directories[runs[-1].overrides] = run.directory
        configs, forecast = self._launcher.plan([run.overrides for run in runs])
        self._sweep.add(runs, configs, forecast)
        self._sweep.expect(expected)

    def wait(self) -> list[str]:
        return [self._directories.pop(run.overrides) for run, _ in self._sweep.wait()]


def _prepare_report() -> None:
    from prunesweep.report.render.files import prepare

    prepare()


def _failed(overrides: Sequence[str], error: Exception) -> JobReturn:
    """Return a job whose worker could not return anything."""
    job = JobReturn()
    job.overrides = filter_overrides(overrides)
    job.return_value = error
    job.status = JobStatus.FAILED
    return job
