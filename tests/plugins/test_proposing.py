import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import OmegaConf
from optuna.samplers import CmaEsSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler

from hydra_plugins.prunesweep_plugins.composing import JobComposer
from hydra_plugins.prunesweep_plugins.proposing import proposals
from hydra_plugins.prunesweep_plugins.ranges import parse
from prunesweep.search.dimensions import Choice
from prunesweep.search.sampler import Chosen, Exact
from prunesweep.search.space import Space


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tpe", TPESampler),
        ("random", RandomSampler),
        ("nsgaii", NSGAIISampler),
        ("qmc", QMCSampler),
        ("gp", GPSampler),
        ("cmaes", CmaEsSampler),
    ],
)
def test_samplers_are_built_from_their_configs(name: str, kind: type, loader: ConfigLoader) -> None:
    config = loader.load_configuration(
        "config", ["search=schedules", f"hydra/sweeper/sampler={name}"], run_mode=RunMode.MULTIRUN
    )
    sweeper = config.hydra.sweeper
    space, _ = parse(sweeper.params, sweeper.conditions, ["search=schedules"], config, JobComposer(loader))
    OmegaConf.set_readonly(config, True)  # as Hydra does
    sampler = proposals(sweeper.sampler, space, 3)(0)
    assert isinstance(sampler, Exact)
    assert type(sampler.inner) is kind
    assert not getattr(sampler.inner, "_warn_independent_sampling", False)


def test_the_grid_sampler_enumerates_the_space() -> None:
    space = Space((Choice("layers", ("all", "fc")),))
    settings = OmegaConf.create({"_target_": "optuna.samplers.GridSampler", "_partial_": True, "seed": None})
    assert isinstance(proposals(settings, space, 0)(0), Chosen)
