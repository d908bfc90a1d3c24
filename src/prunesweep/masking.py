"""The steps that set masks: pruning, and epochs during which sparsity rises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prunesweep import criteria
from prunesweep.data import Split
from prunesweep.evidence import Probe
from prunesweep.pruning import Pruning, prune
from prunesweep.state import Setting, State, derived_seed, drawing_from, generator_of, masked
from prunesweep.steps import Record, Step, TrainEpoch
from prunesweep.training import shuffled

if TYPE_CHECKING:
    from torch import Tensor


def geometric(final: float, progress: float) -> float:
    """The fraction pruned when the kept fraction falls by the same factor in equal parts of the way to `final`."""
    return final if progress == 1 else 1 - (1 - final) ** progress


def cubic(final: float, progress: float) -> float:
    """Fast at first, slow in the end. Source: Zhu & Gupta, "To prune, or not to prune" (2017), eq. 1."""
    return final if progress == 1 else final * (1 - (1 - progress) ** 3)


def linear(final: float, progress: float) -> float:
    """The same number of weights in equal parts of the way."""
    return final * progress


CURVES = {function.__name__: function for function in (geometric, linear, cubic)}


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

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        after = replace(state, optimizer={})
        rounds = self.pruning.iterations
        for number in range(1, rounds + 1):
            target = self.pruning.at(lambda final, part=number / rounds: geometric(final, part))  # type: ignore[misc]
            masks = ranked(target, self.layers, after, setting, derived_seed(self.seed, "prune", self.index))
            after = masked(replace(after, masks={**after.masks, **masks}))
        return after, {"sparsity": after.sparsity}

    def describe(self) -> Record:
        return {**super().describe(), "source": self.pruning.source()}


def ranked(pruning: Pruning, layers: tuple[str, ...], state: State, setting: Setting, seed: int) -> dict[str, Tensor]:
    """The masks of the parameters `layers` that `pruning` gives in `state`, on its device."""
    weights = {name: state.weights[name] for name in layers}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    ranked_alone = list(pruning.tensors(shapes).units)
    before = {name: state.masks[name].cpu() for name in layers if name in state.masks}
    magnitudes = {name: weights[name].abs().cpu() for name in ranked_alone}
    scores = magnitudes if pruning.criterion == "none" else _scores(pruning, ranked_alone, state, setting, seed)
    masks = prune(pruning, scores, magnitudes, shapes, before)
    return {name: mask.to(weights[name].device) for name, mask in masks.items()}


def _scores(pruning: Pruning, names: list[str], state: State, setting: Setting, seed: int) -> dict[str, Tensor]:
    """Name -> scores on the CPU, in the plain layout."""
    import torch

    criterion = criteria.find(pruning.criterion, pruning.target)
    probe = Probe(
        setting.network(state),
        names,
        setting.dataset.shape,
        lambda: _sample(setting.data.train, pruning.batches * pruning.batch_size, seed),
        pruning.batch_size,
        generator_of(seed),
    )
    with drawing_from(seed, setting.device):
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
    import torch

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

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        seed, train = derived_seed(self.seed, "train", self.index), setting.data.train
        batches = shuffled(train, self.batch_size, generator_of(seed))
        loss, seconds = 0.0, 0.0
        for start in range(0, len(batches), self.every):
            stretch = batches[start : start + self.every]
            with drawing_from(derived_seed(seed, "stretch", start), setting.device):
                state, part, took = self._train(state, setting, stretch)
            loss, seconds = loss + part, seconds + took
            progress = (self.number + (start + len(stretch)) / len(batches)) / self.of
            state = self._set_masks(state, setting, progress, derived_seed(seed, "prune", start))
        if self.number + 1 == self.of:
            state = masked(replace(state, dense={}))
        return state, self.told(state, setting, loss / len(train), seconds)

    def describe(self) -> Record:
        return {**super().describe(), "source": self.pruning.source()}

    def _train(self, state: State, setting: Setting, batches: tuple[Tensor, ...]) -> tuple[State, float, float]:
        """`trained` on a part of the epoch; with `regrow` the weights under the masks come along as `dense`."""
        if not self.regrow:
            return self.trained(state, setting, batches, held=state.masks)
        from prunesweep.regrowth import straight_through

        whole = replace(state, weights={**state.weights, **state.dense})
        after, loss, seconds = self.trained(
            whole, setting, batches, held={}, meanwhile=lambda model: straight_through(model, state.masks)
        )
        dense = {name: after.weights[name] for name in self.layers}
        return masked(replace(after, dense=dense)), loss, seconds

    def _set_masks(self, state: State, setting: Setting, progress: float, seed: int) -> State:
        pruning = self.pruning.at(lambda final: cubic(final, progress))
        whole = replace(state, weights={**state.weights, **state.dense}, masks={} if self.regrow else state.masks)
        masks = ranked(pruning, self.layers, whole, setting, seed)
        return masked(replace(whole, masks={**state.masks, **masks}))
