"""Launchers for Slurm and Ray. They submit jobs through Hydra's launchers, and wait for every job of a batch.

Hydra's launchers raise the error of the first lost job while the other jobs are still running. A search would then read
the directories of unfinished runs. Here, a lost job is a failed job, and the launcher returns when no job is running.

Hydra imports this module at each start, so everything slow is imported where it is used.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

if TYPE_CHECKING:
    import submitit

log = logging.getLogger("prunesweep")
POLL = 3.0
"""Seconds between looks at the queue of Slurm."""


class SlurmLauncher(Launcher):
    """Run each job as a Slurm job, submitted by submitit with the settings of Hydra's submitit launcher."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher as HydrasLauncher

        self.job = HydrasLauncher(**self.settings)
        self.job.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit the jobs and return their results. An interruption cancels them."""
        jobs = self._submit(job_overrides, initial_job_idx)
        try:
            wait(jobs)
        except BaseException:
            for job in jobs:
                job.cancel(check=False)
            raise
        return [_slurm_result(job, overrides) for job, overrides in zip(jobs, job_overrides, strict=True)]

    def _submit(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[submitit.Job[JobReturn]]:
        import submitit

        numbers = range(first, first + len(job_overrides))
        settings = dict(self.job.params)
        folder = settings.pop("submitit_folder")
        own = {f"slurm_{key}": settings.pop(key) for key in ("max_num_timeout", "python")}
        executor = submitit.AutoExecutor(folder, cluster="slurm", **own)
        executor.update_parameters(**{_parameter(key): value for key, value in settings.items()})
        state = Singleton.get_state()
        return executor.map_array(
            self.job,
            [list(each) for each in job_overrides],
            ["hydra.sweep.dir"] * len(numbers),
            numbers,
            [f"job_id_for_{number}" for number in numbers],
            [state] * len(numbers),
        )


def _parameter(key: str) -> str:
    """Return the name that submitit gives to the setting `key`: those that only Slurm has carry its name."""
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

    return key if key in BaseQueueConf.__dataclass_fields__ else f"slurm_{key}"


def wait(jobs: Sequence[submitit.Job[Any]]) -> None:
    """Return when no job is in the queue any more. One without a result must be absent twice in a row.

    submitit asks `sacct`, which needs a database that not every cluster has. A requeued job stays in the queue, and is
    run again even if it wrote its result before Slurm ended it.
    """
    running, absent, silent = list(jobs), set[str](), False
    while running:
        time.sleep(POLL)
        queued = queue()
        if queued is None:
            if not silent:
                log.warning("squeue fails: waiting until Slurm answers")
            silent = True
            continue
        absent, before, silent = {job.job_id for job in running} - queued, absent, False
        finished = {job.job_id for job in running if job.paths.result_pickle.exists()}
        running = [job for job in running if job.job_id not in absent & (before | finished)]


def queue() -> Set[str] | None:
    """Return the IDs of the user's jobs that have not ended, or None if Slurm does not answer."""
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return set(done.stdout.split()) if done.returncode == 0 else None


def _slurm_result(job: submitit.Job[JobReturn], overrides: Sequence[str]) -> JobReturn:
    if not job.paths.result_pickle.exists():
        reason = f"Slurm job {job.job_id} ended without a result: it was canceled, killed, or could not start"
        return lost(overrides, f"{reason}. Its log is {job.paths.stderr}.")
    error = job.exception()
    return job.result() if error is None else lost(overrides, f"Slurm job {job.job_id}: {error}")


def lost(overrides: Sequence[str], reason: str) -> JobReturn:
    """Return the result of a job that ended without one, and log the reason."""
    log.warning(reason)
    return JobReturn(overrides=overrides, status=JobStatus.FAILED, _return_value=RuntimeError(reason))


class RayLauncher(Launcher):
    """Run each job as a Ray task, with the settings of Hydra's Ray launcher."""

    def __init__(self, ray: DictConfig) -> None:
        self.settings = ray

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Start the jobs and return their results."""
        import ray
        from hydra_plugins.hydra_ray_launcher._launcher_util import start_ray

        start_ray(self.settings.init)
        options: Any = OmegaConf.to_container(self.settings.remote, resolve=True)
        start = ray.remote(**options)(run_in)
        state, here = Singleton.get_state(), Path.cwd()
        tasks = [
            start.remote(here, self.context, self._config(overrides, number), self.function, state)
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        return [_ray_result(task, overrides) for task, overrides in zip(tasks, job_overrides, strict=True)]

    def _config(self, overrides: Sequence[str], number: int) -> DictConfig:
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = f"job_id_for_{number}"
            config.hydra.job.num = number
        return config


def run_in(folder: Path, *job: Any) -> JobReturn:
    """Run `job` in the working directory of the sweep. Nodes of a cluster have been started in other directories."""
    from hydra_plugins.hydra_ray_launcher._launcher_util import _run_job

    os.chdir(folder)
    context, config, function, state = job
    return _run_job(context, config, function, state)


def _ray_result(task: Any, overrides: Sequence[str]) -> JobReturn:
    import ray

    try:
        result: JobReturn = ray.get(task)
    except ray.exceptions.RayError as error:
        return lost(overrides, f"Ray task: {type(error).__name__}: {str(error).partition(chr(10))[0]}")
    return result
