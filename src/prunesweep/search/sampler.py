"""Optuna's samplers, with exact values and reproducible proposals.

What a sampler proposes depends only on the seed, the number of the proposal and the trials of the study. A search that
was interrupted therefore proposes what it would have proposed without the interruption.
"""

from __future__ import annotations

import hashlib
import math
import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, QMCSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from prunesweep.errors import UsageError
from prunesweep.search.dimensions import Value
from prunesweep.search.space import Space

Propose = Callable[[int], BaseSampler]
"""Returns the sampler for the proposal with this number."""


class Exact(BaseSampler):
    """A sampler whose proposals are rounded to the exact values of a space."""

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
        self.inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        self.inner.reseed_rng()


class Chosen(BaseSampler):
    """Proposes the combination that `choose` returns for the study."""

    def __init__(self, choose: Callable[[Study], dict[str, Value]]) -> None:
        self.choose = choose
        self.values: dict[str, Value] | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        return {}

    def sample_relative(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        if self.values is None:
            self.values = self.choose(study)
        return self.values[param_name]


def fixed(values: dict[str, Value]) -> Chosen:
    """Return a sampler that proposes the combination `values`."""
    return Chosen(lambda _: values)


def sampled(make: Callable[[int], BaseSampler], space: Space, seed: int) -> Propose:
    """Return proposals by Optuna's sampler `make(seed)`.

    Each proposal has its own seed, drawn from `seed` and its number. A quasi-random sequence keeps `seed`: its sampler
    reads its position in the sequence from the study.
    """

    def propose(number: int) -> BaseSampler:
        digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna warns that some samplers are experimental
            sampler = make(int.from_bytes(digest[:4], "big"))
            return Exact(make(seed) if isinstance(sampler, QMCSampler) else sampler, space)

    return propose


def every_combination(space: Space, seed: int) -> Propose:
    """Return proposals that go through all combinations of `space`, each once, in an order drawn from `seed`.

    Raises:
        UsageError: The space is infinite.
    """
    size = space.size
    if size is None:
        intervals = [dimension.key for dimension in space.dimensions if dimension.values is None]
        raise UsageError(
            f"hydra/sweeper/sampler=grid: cannot enumerate the interval of {', '.join(intervals)}. "
            "Use range(...) or choice(...), or another sampler."
        )
    draw = random.Random(seed)
    start = draw.randrange(size)
    stride = next(step for step in iter(lambda: draw.randint(1, size), 0) if math.gcd(step, size) == 1)
    return lambda number: fixed(space.at((start + number * stride) % size))
