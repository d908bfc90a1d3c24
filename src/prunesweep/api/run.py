"""The run of `python run.py` and of `prunesweep run`. Hydra calls the job `run`, after this module."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from prunesweep import config
from prunesweep.api.compose import prepare
from prunesweep.conf import CONFIG_NAME, conf_folder
from prunesweep.errors import fatal
from prunesweep.results.result import remove_outputs

if TYPE_CHECKING:
    from prunesweep.chain.execution import OnStep
    from prunesweep.config import RunConfig
    from prunesweep.results.result import Result


def job(cfg: DictConfig) -> float:
    """Run the experiment that Hydra composed as `cfg` and return the final validation accuracy."""
    settings, folder = HydraConfig.get(), Path(HydraConfig.get().runtime.output_dir)
    sweep = Path(settings.sweep.dir).absolute() if settings.mode is RunMode.MULTIRUN else None
    with fatal() if sweep is None else nullcontext():  # for an `Exception`, Hydra prints a line before the message
        remove_outputs(folder)  # Hydra has already written the new config there
        run_config = config.build(cfg)  # reports bad settings before the slow import of torch
        return execute(run_config, folder, list(settings.overrides.task), sweep).final["val_accuracy"]


def execute(run_config: RunConfig, folder: Path, overrides: Sequence[str], sweep: Path | None = None) -> Result:
    """Run `run_config` in `folder`, show the progress on a terminal, log and track the result.

    Args:
        run_config: The settings.
        folder: The run directory.
        overrides: The overrides behind the settings, for the record.
        sweep: The directory of the sweep that the run is part of.
    """
    from prunesweep.experiment.progress import Completed, is_part_of_sweep, report, reporting
    from prunesweep.experiment.run import run
    from prunesweep.report.console.progress import progress
    from prunesweep.report.console.run_line import log_result
    from prunesweep.report.console.text import default_amount_used
    from prunesweep.tracking.logger import track

    def noted(total: int) -> AbstractContextManager[OnStep]:
        """Begin to show the progress of a run whose settings were found to fit."""
        if run_config.prune.has_default_amount:
            logging.getLogger("prunesweep").info(default_amount_used([run_config.prune]))
        return progress(total)

    result = run(run_config, folder, overrides, reporting if is_part_of_sweep() else noted)
    report(Completed.of(result))
    log_result(result, folder)
    track(run_config.logger, folder, sweep)
    return result


@hydra.main(config_path=str(conf_folder()), config_name=CONFIG_NAME, execution_whitelist=config.TRUSTED)
def main(cfg: DictConfig) -> float:
    """Run the experiment that Hydra composed as `cfg`."""
    return job(cfg)


def command(arguments: Sequence[str]) -> None:
    """Execute `prunesweep run ARGUMENTS`: what `python run.py ARGUMENTS` does, with the user's own `conf/` first."""
    prepare()
    if "" not in sys.path:
        sys.path.insert(0, "")  # the user's modules are imported from the working directory
    with _arguments(arguments):
        main()


def complete(arguments: Sequence[str]) -> None:
    """Answer the shell, which completes `prunesweep run ...` by calling `prunesweep -sc query=SHELL`."""
    if any("query" in each for each in arguments):
        line = re.match(r"\s*(\S+)\s+run\s(.*)", os.environ.get("COMP_LINE", ""))
        if line is None:
            return  # another verb
        os.environ["COMP_LINE"] = f"{line[1]} {line[2]}"
    command(arguments)


@contextmanager
def _arguments(arguments: Sequence[str]) -> Iterator[None]:
    """Let Hydra read `arguments` in place of the command line."""
    before = sys.argv
    sys.argv = [before[0], *arguments]
    try:
        yield
    finally:
        sys.argv = before
