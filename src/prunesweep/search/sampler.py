"""Any of Optuna's samplers, made to propose values as they are written, and the same ones whenever it is asked."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GridSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from prunesweep.search.space import Space

TRUSTED = ("hydra_plugins.hydra_optuna_sweeper.*", "optuna.samplers.*")
KEEPS_ITS_PLACE = ("QMCSampler", "GridSampler")
"""Samplers that go through a fixed sequence and note in the study how far they are: their seed must stay."""


class Exact(BaseSampler):
    """A sampler whose proposals are rounded to the values they stand for."""

    def __init__(self, inner: BaseSampler, space: Space) -> None:
        self.inner = inner
        self.space = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        proposed = self.inner.sample_relative(study, trial, search_space)
        return {**proposed, **self.space.exact(proposed)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        proposed = self.inner.sample_independent(study, trial, param_name, param_distribution)
        return self.space.exact({param_name: proposed}).get(param_name, proposed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self.inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if not isinstance(self.inner, GridSampler):  # which only wants to stop a loop that there is not
            self.inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        self.inner.reseed_rng()


def proposer(settings: DictConfig, space: Space, number: int, seed: int) -> Exact:
    """The sampler of `settings` for proposal `number` of a search; `seed` is its own unless `settings` give one.

    What it draws depends on its seed, on `number` and on the trials in the study, and on nothing else: so a search that
    was interrupted proposes what it would have proposed without the interruption, and never its first trials again.
    """
    name = settings["_target_"].rpartition(".")[2]
    seed = seed if settings.get("seed") is None else settings["seed"]
    if name not in KEEPS_ITS_PLACE:
        seed = int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big")
    settings = OmegaConf.merge(settings, {"seed": seed})  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sampler is an experiment of Optuna's
        inner = instantiate(settings, _execution_whitelist_=TRUSTED)
    if name == "GridSampler":
        inner = inner({dimension.key: list(dimension.values) for dimension in space.dimensions if dimension.values})
    return Exact(inner, space)
