"""`hydra/sweeper/sampler`: two of hydra-optuna-sweeper's options, with defaults for searches of some dozen trials."""

from __future__ import annotations

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from hydra_plugins.hydra_optuna_sweeper.config import (
    NSGAIISamplerConfig,
    TPESamplerConfig,
)


@dataclass
class Tpe(TPESamplerConfig):
    """Models the keys together, and counts runs under way, so that parallel proposals differ."""

    multivariate: bool = True
    constant_liar: bool = True


@dataclass
class Nsga2(NSGAIISamplerConfig):
    """Generations of eight: with Optuna's 50, the first 50 trials are all drawn at random."""

    population_size: int = 8


for _name, _node in (("tpe", Tpe), ("nsgaii", Nsga2)):
    ConfigStore.instance().store(
        group="hydra/sweeper/sampler", name=_name, node=_node, provider="prunesweep", replace=True
    )
