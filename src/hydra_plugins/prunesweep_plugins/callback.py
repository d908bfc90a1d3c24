"""Hydra tells of each job that ends and of the end of a sweep: so any sweeper and any launcher gives a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig


class SweepTable(Callback):
    """Records why a job of a sweep failed, where it ran; prints the table and writes the report in the end."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:  # noqa: ARG002
        """In the worker."""
        error = job_return._return_value
        failed = job_return.status is JobStatus.FAILED and isinstance(error, Exception)  # interrupted is not failed
        if not failed or config.hydra.mode is not RunMode.MULTIRUN:
            return
        from prunesweep.results.result import write_failed

        assert isinstance(error, BaseException)
        write_failed(Path(config.hydra.runtime.output_dir), list(config.hydra.overrides.task), error)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """In the process that started the sweep; also when jobs failed, and when it was interrupted."""
        sweep = Path(config.hydra.sweep.dir)
        interrupt = sys.exc_info()[1]
        if isinstance(interrupt, KeyboardInterrupt) and not _is_given("hydra.sweep.dir", config):
            interrupt.args = (f"hydra.sweep.dir={sweep}",)  # or it would continue in a folder named by another time
        if next(sweep.glob("**/.hydra"), None) is None:
            return  # refused before the first job
        from prunesweep.report.console.terminal import conclude

        conclude([sweep], sweep)


def _is_given(key: str, config: DictConfig) -> bool:
    return any(override.startswith(f"{key}=") for override in config.hydra.overrides.hydra)
