"""Execute jobs of a sweep as Hydra does, in this process or in a worker.

Hydra imports this module at each start, so everything slow is imported where it is used.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hydra._internal.execution_policy import execution_whitelist
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, env_override, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hydra_plugins.prunesweep_plugins.composing import JobComposer
from prunesweep.errors import UsageError
from prunesweep.process import Lines

if TYPE_CHECKING:
    from prunesweep.experiment.shared import Shared
    from prunesweep.experiment.sweep import Run
    from prunesweep.workers import Send

log = logging.getLogger(__name__)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the C library is many times as fast


class JobHandler:
    """Executes the runs of a sweep, and the steps that they share.

    A handler that is sent to a worker takes Hydra's global state along.
    """

    def __init__(
        self, context: HydraContext, config: DictConfig, task_function: TaskFunction, data: str | None
    ) -> None:
        self._context = context
        self._config = config
        self._task_function = task_function
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        state = Singleton.get_state()
        return _in_worker, (self._context, self._config, self._task_function, self._data, state)

    def __call__(self, call: Run | Shared, send: Send) -> JobReturn | None:
        """Execute `call`, and send what it reports and prints."""
        from prunesweep.experiment.progress import Printed, listening
        from prunesweep.experiment.shared import Shared, check_not_busy, compute

        output = Lines(lambda text: send(Printed(text)))
        try:
            with listening(send), redirect_stdout(output), redirect_stderr(output):
                if not isinstance(call, Shared):
                    if call.config is not None and call.error is None:
                        with suppress(UsageError):  # the run has the same error
                            check_not_busy(call.config)
                    return self._run(call)
                compute(call)
                return None
        finally:
            output.end()
            if self._data is None:  # in the process of the sweep, whose messages now go to the file of the run
                hydra = self._config.hydra
                configure_log(hydra.hydra_logging, hydra.verbose, self._context.execution_whitelist)

    def _run(self, run: Run) -> JobReturn:
        config = self._context.config_loader.load_sweep_config(self._config, list(run.overrides))
        with open_dict(config):
            config.hydra.job.id = str(run.number)
            config.hydra.job.num = run.number
        return execute(self._context, config, self._task_function if run.error is None else _failing(run.error))


def execute(context: HydraContext, config: DictConfig, task_function: TaskFunction) -> JobReturn:
    """Execute a job, with the same effects as `hydra.core.utils.run_job`.

    Hydra copies the config six times for each job, which takes longer than a run whose steps are all stored. Here the
    job owns `config`. What is returned does not contain it, because a sweep can have thousands of jobs.

    Args:
        context: The callbacks of the sweep.
        config: The complete config of the job.
        task_function: The function of the job.
    """
    task = pickle.loads(pickle.dumps(config))
    with read_write(task), open_dict(task):
        del task["hydra"]
    job = JobReturn(overrides=list(config.hydra.overrides.task), task_name=config.hydra.job.name)
    current: Any = HydraConfig.instance()
    before, folder = current.cfg, Path.cwd()
    current.cfg = config
    try:
        output = Path(config.hydra.sweep.dir) / str(config.hydra.sweep.subdir)
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.runtime.output_dir = str(output.absolute())
            OmegaConf.resolve(config.hydra.job.env_set)
        OmegaConf.set_readonly(config.hydra, True)
        output.mkdir(parents=True, exist_ok=True)
        if config.hydra.job.chdir:
            os.chdir(output)
        job.working_dir = str(output) if config.hydra.job.chdir else str(folder)
        configure_log(config.hydra.job_logging, config.hydra.verbose, context.execution_whitelist)
        _save(config, task)
        with env_override(config.hydra.job.env_set), execution_whitelist(context.execution_whitelist, reset=True):
            context.callbacks.on_job_start(config=config, task_function=task_function)
            try:
                _call(task_function, task, job)
            finally:
                context.callbacks.on_job_end(config=config, job_return=job)
        return job
    finally:
        current.cfg = before
        os.chdir(folder)


def _save(config: DictConfig, task: DictConfig) -> None:
    """Write the three files in `.hydra/`."""
    if config.hydra.output_subdir is None:
        return
    folder = Path(config.hydra.runtime.output_dir) / config.hydra.output_subdir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(task), "utf-8")
    own = {"hydra": OmegaConf.to_container(config.hydra, resolve=False, enum_to_str=True)}
    (folder / "hydra.yaml").write_text(yaml.dump(own, Dumper=DUMPER, sort_keys=False, allow_unicode=True), "utf-8")
    (folder / "overrides.yaml").write_text(OmegaConf.to_yaml(config.hydra.overrides.task), "utf-8")


def _call(task_function: TaskFunction, task: DictConfig, job: JobReturn) -> None:
    """Call the function of the job, and put what it returns or raises into `job`."""
    try:
        job.return_value = task_function(task)
        job.status = JobStatus.COMPLETED
    except Exception as error:
        job.return_value, job.status = error, JobStatus.FAILED
        record = log.makeRecord(log.name, logging.ERROR, __file__, 0, "Job failed", (), sys.exc_info())
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)
    except BaseException as error:
        job.return_value, job.status = error, JobStatus.FAILED
        raise
    finally:
        for handler in logging.getLogger().handlers:
            handler.flush()


def _in_worker(
    context: HydraContext, config: DictConfig, task_function: TaskFunction, data: str | None, state: Any
) -> JobHandler:
    from prunesweep.data.sharing import share_in

    setup_globals()
    Singleton.set_state(state)
    if data is not None:
        share_in(Path(data))
    context.config_loader = JobComposer(context.config_loader)  # type: ignore[assignment]
    return JobHandler(context, config, task_function, data)


def _failing(error: Exception) -> TaskFunction:
    def fail(config: DictConfig) -> Any:  # noqa: ARG001
        raise error

    return fail
