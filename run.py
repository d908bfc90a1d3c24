"""Run prunesweep: `python run.py --help` shows the groups, their options and examples."""

if __name__ == "__main__":
    from prunesweep.process import CONTINUE, Interrupts, exit_with_message

    interrupts = Interrupts()  # first, because signals are held back during the slow imports

import hydra
from omegaconf import DictConfig

from prunesweep import config
from prunesweep.api.run import job

config.register()


@hydra.main(config_path="conf", config_name="config", execution_whitelist=config.TRUSTED)
def main(cfg: DictConfig) -> float:
    """Run the experiment that `cfg` describes and return the final validation accuracy."""
    return job(cfg)


if __name__ == "__main__":
    with exit_with_message(interrupts, CONTINUE):
        main()
