"""What proposes the trials of a search: the samplers of Optuna with their settings, and successive halving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from prunesweep.results.objectives import Objective
    from prunesweep.search.halving import Ladder
    from prunesweep.search.sampler import Propose
    from prunesweep.search.space import Space

SAMPLERS = ("hydra_plugins.hydra_optuna_sweeper.*", "optuna.samplers.*")
"""The code that a sampler's config may name."""
STATELESS = ("TPESampler", "GPSampler", "RandomSampler", "GridSampler")
"""Samplers that need only the parameters and values of earlier trials."""


def proposals(settings: DictConfig, space: Space, seed: int) -> Propose:
    """Return the proposals of the sampler with these settings; `seed` is used unless they contain a seed.

    Raises:
        UsageError: The sampler `grid` cannot enumerate the space.
    """
    from prunesweep.search.sampler import every_combination, sampled

    seed = seed if settings.get("seed") is None else settings["seed"]
    if settings["_target_"].endswith(".GridSampler"):
        return every_combination(space, seed)
    options: Any = OmegaConf.to_container(settings, resolve=True)
    if space.conditions and options.get("warn_independent_sampling"):
        options["warn_independent_sampling"] = False  # a key under a condition is always sampled independently

    def make(seed: int) -> BaseSampler:
        sampler: BaseSampler = instantiate({**options, "seed": seed}, _execution_whitelist_=SAMPLERS)
        return sampler

    return sampled(make, space, seed)


def halved(settings: DictConfig, rungs: Ladder, seed: int, goals: Sequence[Objective]) -> Propose:
    """Return the proposals of successive halving, whose new combinations come from the sampler with these settings.

    Raises:
        UsageError: The sampler needs records that only its own trials contain.
    """
    from prunesweep.errors import UsageError
    from prunesweep.search.halving import SETTING, halving

    if settings["_target_"].rpartition(".")[2] not in STATELESS:
        raise UsageError(
            f"{SETTING}: cannot be combined with this sampler, which continues its own trials. Choose "
            "hydra/sweeper/sampler=tpe, gp, random or grid."
        )
    return halving(rungs, proposals(settings, rungs.start, seed), goals)
