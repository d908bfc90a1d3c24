"""Run prunesweep: `python run.py --help` shows the groups, their options and examples."""

if __name__ == "__main__":
    from prunesweep.process import Interrupts, exit_with_message

    interrupts = Interrupts()  # first, because signals are held back during the slow imports

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from prunesweep import config
from prunesweep.results.result import remove_outputs

config.register()


@hydra.main(config_path="conf", config_name="config", execution_whitelist=config.TRUSTED)
def main(cfg: DictConfig) -> float:
    """Run the experiment that `cfg` describes and return the final validation accuracy."""
    job, folder = HydraConfig.get(), Path(HydraConfig.get().runtime.output_dir)
    remove_outputs(folder)  # Hydra has already written the new config there
    run_config = config.build(cfg)  # reports bad settings before the slow import of torch
    from prunesweep.experiment.run import run
    from prunesweep.report.console.progress import progress
    from prunesweep.report.console.terminal import log_result
    from prunesweep.tracking.logger import track

    result = run(run_config, folder, list(job.overrides.task), progress)
    log_result(result, folder)
    track(run_config.logger, folder, Path(job.sweep.dir).absolute() if job.mode is RunMode.MULTIRUN else None)
    return result.final["val_accuracy"]


if __name__ == "__main__":
    with exit_with_message(interrupts, "Every finished step is stored. To continue, run:"):
        main()
