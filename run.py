"""Run prunesweep: `python run.py --help` shows the groups, their options and examples."""

import logging
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from prunesweep import config
from prunesweep.errors import exit_with_message
from prunesweep.results.result import remove_outputs

config.register()


@hydra.main(config_path="conf", config_name="config", execution_whitelist=config.TRUSTED)
def main(cfg: DictConfig) -> float:
    """Run the experiment that `cfg` describes and return the final validation accuracy."""
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    remove_outputs(folder)  # Hydra has already written the new config there
    run_config = config.build(cfg)  # reports bad settings before the slow import of torch
    from prunesweep.experiment.run import run
    from prunesweep.report.console.progress import progress
    from prunesweep.report.console.terminal import line
    from prunesweep.results.run_directory import read_run
    from prunesweep.tracking.logger import track

    result = run(run_config, folder, list(job.overrides.task), progress)
    logging.getLogger("prunesweep").info(line(result, folder))
    sweep = Path(job.sweep.dir).absolute() if job.mode is RunMode.MULTIRUN else None
    track(run_config.logger, read_run(folder), sweep)
    return result.final["val_accuracy"]


if __name__ == "__main__":
    with exit_with_message():
        main()
