"""Execute jobs of a sweep as Hydra does, in this process or in a worker.

Hydra imports this module at each start, so everything slow is imported where it is used.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from hydra_plugins.prunesweep_plugins.composing import JobComposer

if TYPE_CHECKING:
    from prunesweep.experiment.shared import Shared
    from prunesweep.experiment.sweep import Run
    from prunesweep.workers import Send


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
        from prunesweep.experiment.progress import listening
        from prunesweep.experiment.shared import Shared, compute

        output = _Output(send)
        try:
            with listening(send), redirect_stdout(output), redirect_stderr(output):
                if not isinstance(call, Shared):
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
        task = self._task_function if run.error is None else _failing(run.error)
        job = run_job(
            hydra_context=self._context,
            task_function=task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        job.cfg = job.hydra_cfg = None  # only their values are used, and a sweep can have thousands of jobs
        return job


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


class _Output(io.TextIOBase):
    """A standard stream that sends each line that is written to it."""

    def __init__(self, send: Send) -> None:
        from prunesweep.experiment.progress import Printed

        self._send: Callable[[str], None] = lambda text: send(Printed(text))
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        lines, end, self._rest = (self._rest + text).rpartition("\n")
        if end:
            self._send(lines + end)
        return len(text)

    def end(self) -> None:
        """Send the last line if it is incomplete."""
        if self._rest:
            self.write("\n")
