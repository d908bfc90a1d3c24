"""Training epochs in which pruned weights return: RigL, SET and dynamic network surgery."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.prune_steps import draw, lowest, ranked, train_all
from prunesweep.chain.seeding import derived_seed, generator_of
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import Record
from prunesweep.chain.stretches import Stretch, StretchedEpoch
from prunesweep.pruning.allocation import Units
from prunesweep.pruning.curves import cubic
from prunesweep.pruning.protection import kept_paths
from prunesweep.pruning.regrowth import cosine, exchange, hysteresis
from prunesweep.pruning.scoring import NetworkView, Sample
from prunesweep.pruning.spec import PruneSpec


@dataclass(frozen=True)
class RegrowEpoch(StretchedEpoch):
    """A training epoch that drops the smallest weights of each layer and grows others, every few optimizer steps.

    Grown weights start at zero. With a rise, sparsity rises along a cubic curve first, and weights are exchanged after
    each pruning (Liu et al., "Sparse training via boosting pruning plasticity with neuroregeneration", 2021).

    Attributes:
        rise: The part of these epochs in which sparsity rises.
        fraction: The fraction of the kept weights of each layer that is exchanged.
        batches: Training batches over which the gradient is averaged by which weights are grown, while the fraction
            falls to 0 along half a cosine wave (RigL). None: random weights are grown, at a constant fraction (SET).
    """

    rise: float
    fraction: float
    batches: int | None

    def set_masks(self, state: State, context: Context, stretch: Stretch) -> tuple[State, Record]:
        begin, end = ((self.number + part) / self.of for part in (stretch.begin, stretch.end))
        record: Record = {}
        if begin < self.rise:
            spec = risen(self.spec, end / self.rise)
            masks, record = ranked(spec, self.layers, state, context, stretch.seed)
            state = masked(replace(state, masks={**state.masks, **masks}))
        fraction = self.fraction if self.batches is None else cosine(self.fraction, end)
        if end == 1 or fraction == 0:  # what grows now would not be trained in these epochs
            return state, record
        return self._exchange(state, context, fraction, derived_seed(stretch.seed, "grow", 0)), record

    def _exchange(self, state: State, context: Context, fraction: float, seed: int) -> State:
        masks = {name: state.masks[name].cpu() for name in self.layers}
        magnitudes = {name: state.weights[name].abs().cpu() for name in self.layers}
        growth = self._growth(state, context, seed)
        exempt = kept_paths(context.wiring, magnitudes, masks) if self.spec.protect else {}
        changed = {
            name: exchange(magnitudes[name], growth[name], mask, fraction, exempt.get(name)).to(
                state.weights[name].device
            )
            for name, mask in masks.items()
        }
        return masked(replace(state, masks={**state.masks, **changed}))

    def _growth(self, state: State, context: Context, seed: int) -> dict[str, Tensor]:
        """Return parameter name -> the scores by which pruned weights are grown, on the CPU."""
        generator = generator_of(seed)
        if self.batches is None:
            return {name: torch.rand(state.weights[name].shape, generator=generator) for name in self.layers}
        size = self.batches * self.batch_size
        sample = Sample(lambda: draw(context.data.train, size, seed), self.batch_size)
        view = NetworkView(context.network(state), self.layers, context.shape, sample, generator)
        return {name: gradient.abs().cpu().contiguous() for name, gradient in view.moments[0].items()}

    def summary(self) -> str:
        return f"{self.spec}, regrowth (epoch {self.index + 1})"


@dataclass(frozen=True)
class SurgeryEpoch(StretchedEpoch):
    """A training epoch that sets the masks again by two thresholds, every few optimizer steps.

    Pruned weights keep training, so that they can return. After the rise, the masks change with a probability that
    falls with the number of optimizer steps.
    Source: Guo, Yao, Chen, "Dynamic network surgery for efficient DNNs" (2016), algorithm 1.

    Attributes:
        rise: As in `RegrowEpoch`.
        gamma: The probability of a change is 1 / (1 + gamma * optimizer steps since the rise).
    """

    rise: float
    gamma: float

    def train_part(
        self, batches: tuple[Tensor, ...], state: State, context: Context, seed: int
    ) -> tuple[State, float, float]:
        return train_all(self, batches, state, context, seed)

    def set_masks(self, state: State, context: Context, stretch: Stretch) -> tuple[State, Record]:
        begin, end = ((self.number + part) / self.of for part in (stretch.begin, stretch.end))
        rises = begin < self.rise
        if state.masks and not rises and not self._is_drawn((end - self.rise) * self.of * stretch.steps, stretch.seed):
            return state, {}
        spec = risen(self.spec, end / self.rise) if rises else self.spec
        whole = replace(state, weights={**state.weights, **state.dense}, masks={})
        names = Units.of(spec.structure, {name: whole.weights[name].shape for name in self.layers}).counts
        magnitudes = {name: whole.weights[name].abs().cpu() for name in names}
        scores = hysteresis(magnitudes, {name: mask.cpu() for name, mask in state.masks.items()})
        masks, record = lowest(spec, self.layers, scores, whole, context)
        return masked(replace(whole, masks={**state.masks, **masks})), record

    def _is_drawn(self, steps: float, seed: int) -> bool:
        """Return whether the masks change `steps` optimizer steps after the rise."""
        drawn = float(torch.rand(1, generator=generator_of(derived_seed(seed, "chance", 0))))
        return drawn < 1 / (1 + self.gamma * steps)

    def summary(self) -> str:
        return f"{self.spec}, surgery (epoch {self.index + 1})"


def risen(spec: PruneSpec, progress: float) -> PruneSpec:
    """Return the pruning that is reached after `progress` of the rise, on a cubic curve; from 1 on, `spec` itself."""
    return spec.at(spec.fractions.map(lambda final: cubic(final, min(progress, 1.0))))
