"""The steps that set masks: pruning, and epochs during which sparsity rises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import Record, Step, TrainEpoch
from prunesweep.data.datasets import Split
from prunesweep.pruning import criteria
from prunesweep.pruning.curves import cubic, geometric
from prunesweep.pruning.masks import prune
from prunesweep.pruning.scoring import NetworkView
from prunesweep.pruning.settings import Pruning
from prunesweep.training.loop import shuffled
from prunesweep.training.straight_through import straight_through


class NoScore(ArithmeticError):
    """A criterion gave something that cannot be ranked."""


@dataclass(frozen=True)
class Prune(Step):
    """Masks the lowest-scored of `layers` up to what `pruning` asks for.

    The optimizer starts afresh: momentum from before would move the weights that are gone.
    """

    data: str
    pruning: Pruning
    layers: tuple[str, ...]
    index: int
    seed: int

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        after = replace(state, optimizer={})
        rounds = self.pruning.iterations
        for number in range(1, rounds + 1):
            target = self.pruning.at(lambda final, part=number / rounds: geometric(final, part))  # type: ignore[misc]
            masks = ranked(target, self.layers, after, context, derived_seed(self.seed, "prune", self.index))
            after = masked(replace(after, masks={**after.masks, **masks}))
        return after, {"sparsity": after.sparsity}

    def describe(self) -> Record:
        return {**super().describe(), "source": self.pruning.source()}


def ranked(pruning: Pruning, layers: tuple[str, ...], state: State, context: Context, seed: int) -> dict[str, Tensor]:
    """The masks of the parameters `layers` that `pruning` gives in `state`, on its device."""
    weights = {name: state.weights[name] for name in layers}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    ranked_alone = list(pruning.tensors(shapes).units)
    before = {name: state.masks[name].cpu() for name in layers if name in state.masks}
    magnitudes = {name: weights[name].abs().cpu() for name in ranked_alone}
    scores = magnitudes if pruning.criterion == "none" else _scores(pruning, ranked_alone, state, context, seed)
    masks = prune(pruning, scores, magnitudes, shapes, before)
    return {name: mask.to(weights[name].device) for name, mask in masks.items()}


def _scores(pruning: Pruning, names: list[str], state: State, context: Context, seed: int) -> dict[str, Tensor]:
    """Name -> scores on the CPU, in the plain layout."""
    criterion = criteria.find(pruning.criterion, pruning.target)
    probe = NetworkView(
        context.network(state),
        names,
        context.dataset.shape,
        lambda: _sample(context.data.train, pruning.batches * pruning.batch_size, seed),
        pruning.batch_size,
        generator_of(seed),
    )
    with drawing_from(seed, context.device):
        scores = {name: criterion(probe.of(name)).detach().cpu().contiguous() for name in names}
    for name, score in scores.items():
        if score.shape != state.weights[name].shape or torch.isnan(score).any():
            raise NoScore(
                f"prune.criterion={pruning.criterion}: the scores of {name} are not numbers of its shape "
                f"{list(state.weights[name].shape)} (found {list(score.shape)}, {int(torch.isnan(score).sum())} NaN)."
            )
    return scores


def _sample(train: Split, size: int, seed: int) -> Split:
    """`size` training examples, or all there are, drawn from `seed`."""
    order = torch.randperm(len(train), generator=generator_of(derived_seed(seed, "batches", 0)))
    return train.take(order[:size].to(train.labels.device))


@dataclass(frozen=True)
class RampEpoch(TrainEpoch):
    """A training epoch during which sparsity rises: the masks are set anew every few optimizer steps.

    The rise is cubic over `of` such epochs, of which this is number `number`, counted from 0; the last step of the
    last one reaches the amount of `pruning`. With `regrow` the weights under the masks go on training (Guo, Yao, Chen,
    "Dynamic network surgery", 2016, eq. 2), so that a later ranking can take them back.
    """

    pruning: Pruning
    layers: tuple[str, ...]
    number: int
    of: int
    every: int
    regrow: bool

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        seed, train = derived_seed(self.seed, "train", self.index), context.data.train
        batches = shuffled(train, self.batch_size, generator_of(seed))
        loss, seconds = 0.0, 0.0
        for start in range(0, len(batches), self.every):
            stretch = batches[start : start + self.every]
            with drawing_from(derived_seed(seed, "stretch", start), context.device):
                state, part, took = self._train(state, context, stretch)
            loss, seconds = loss + part, seconds + took
            progress = (self.number + (start + len(stretch)) / len(batches)) / self.of
            state = self._set_masks(state, context, progress, derived_seed(seed, "prune", start))
        if self.number + 1 == self.of:
            state = masked(replace(state, dense={}))
        return state, self.told(state, context, loss / len(train), seconds)

    def describe(self) -> Record:
        return {**super().describe(), "source": self.pruning.source()}

    def _train(self, state: State, context: Context, batches: tuple[Tensor, ...]) -> tuple[State, float, float]:
        """`trained` on a part of the epoch; with `regrow` the weights under the masks come along as `dense`."""
        if not self.regrow:
            return self.trained(state, context, batches, held=state.masks)
        whole = replace(state, weights={**state.weights, **state.dense})
        after, loss, seconds = self.trained(
            whole, context, batches, held={}, meanwhile=lambda model: straight_through(model, state.masks)
        )
        dense = {name: after.weights[name] for name in self.layers}
        return masked(replace(after, dense=dense)), loss, seconds

    def _set_masks(self, state: State, context: Context, progress: float, seed: int) -> State:
        pruning = self.pruning.at(lambda final: cubic(final, progress))
        whole = replace(state, weights={**state.weights, **state.dense}, masks={} if self.regrow else state.masks)
        masks = ranked(pruning, self.layers, whole, context, seed)
        return masked(replace(whole, masks={**state.masks, **masks}))
