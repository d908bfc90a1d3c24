"""Keep every class and every layer connected: of the lowest-scored weights, keep those that a path needs.

A path leads from the image through kept weights to a class. Where a class or a layer has lost its last path, the path
that needs the fewest pruned weights is restored; of several, the one whose pruned weights rank highest. The
lowest-scored of all other weights are pruned in exchange, so that counts stay exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from prunesweep.pruning.allocation import Budget, Shapes, least_kept
from prunesweep.pruning.masks import mask_lowest
from prunesweep.pruning.paths import Paths, Place, Wiring
from prunesweep.pruning.spec import PruneSpec

SHORT = 1e-6
"""The length of the lowest-ranked kept weight, if a pruned one has a length of at least 1."""

Tensors = Mapping[str, Tensor]
Groups = Sequence[tuple[str, ...]]


def protect(
    spec: PruneSpec, wiring: Wiring, scores: Tensors, masks: Tensors, before: Tensors, shapes: Shapes
) -> dict[str, Tensor]:
    """Return masks with the counts of `masks` in which each class and each layer has a path, as far as counts permit.

    Args:
        spec: A pruning of single weights.
        wiring: The connections of the network. Selected weights that it does not contain keep at least one entry each.
        scores: Parameter name -> scores of its shape.
        masks: Parameter name -> the mask that results from the ranking alone, true where the weight is kept.
        before: Parameter name -> the mask of an earlier pruning. What it has pruned does not return.
        shapes: Shapes of all selected parameters.
    """
    if not disconnected(wiring, masks):
        return dict(masks)
    groups = [budget.names for budget in spec.budgets(shapes)]
    least = {name: least_kept(spec.floor, score.numel(), spec.structure) for name, score in scores.items()}
    alive = {name: before.get(name, torch.ones_like(mask)) for name, mask in masks.items()}
    needed = required(wiring, scores, masks, alive, groups, least)
    forced = {name: score.masked_fill(needed[name], math.inf) for name, score in scores.items()}
    budgets = [Budget(names, sum(int((~masks[name]).sum()) for name in names)) for names in groups]
    return mask_lowest(forced, budgets, alive, least)


def disconnected(wiring: Wiring, masks: Tensors) -> bool:
    """Return whether a class or a layer has no path of kept weights."""
    lengths = {name: torch.zeros(mask.shape).double().masked_fill(~mask, math.inf) for name, mask in masks.items()}
    return any(not math.isfinite(each.distance) for targets in (_classes, _layers) for each in targets(wiring, lengths))


def kept_paths(wiring: Wiring, scores: Tensors, masks: Tensors) -> dict[str, Tensor]:
    """Return kept weights on paths of high `scores` to each class and through each layer, as far as they have one."""
    return required(wiring, scores, masks, masks, [tuple(masks)], dict.fromkeys(masks, 0))


def required(
    wiring: Wiring, scores: Tensors, masks: Tensors, alive: Tensors, groups: Groups, least: Mapping[str, int]
) -> dict[str, Tensor]:
    """Return parameter name -> the weights to keep, so that each class and each layer has a path.

    Args:
        wiring: The connections of the network.
        scores: Parameter name -> scores of its shape.
        masks: Parameter name -> the weights that are kept otherwise. Their number in each group is the limit.
        alive: Parameter name -> the weights that may be kept.
        groups: The parameters that are ranked together.
        least: Parameter name -> how many of its highest scores are kept in any case.
    """
    ranks = _ranks(scores, groups)
    held = {name: _highest(scores[name].masked_fill(~alive[name], -math.inf), least[name]) for name in scores}
    room = {names: sum(int(masks[name].sum()) for name in names) for names in groups}
    pruned = {name: 1 + (1 - rank) / (len(wiring.units) + 1) for name, rank in ranks.items()}
    kept = {name: pruned[name].where(~masks[name], SHORT * (1 - rank)) for name, rank in ranks.items()}
    found = []
    for lengths in (kept, pruned):  # if kept paths leave too little room for the others, all paths are chosen again
        allowed = {name: each.masked_fill(~alive[name], math.inf) for name, each in lengths.items()}
        found.append(_Collection(allowed, held, room))
        found[-1].add_all(wiring)
        if not found[-1].missing:
            break
    return min(found, key=lambda each: each.missing).masks


def _ranks(scores: Tensors, groups: Groups) -> dict[str, Tensor]:
    """Return the ranks of all scores within their group, from 0 (lowest) to below 1, in the shapes of `scores`."""
    ranks: dict[str, Tensor] = {}
    for names in groups:
        order = torch.cat([scores[name].flatten() for name in names]).argsort(stable=True)
        rank = torch.empty(len(order), dtype=torch.float64)
        rank[order] = torch.arange(len(order)).double() / len(order)
        parts = rank.split([scores[name].numel() for name in names])
        ranks.update({name: part.view_as(scores[name]) for name, part in zip(names, parts, strict=True)})
    return ranks


def _highest(scores: Tensor, count: int) -> Tensor:
    """Return a mask of the `count` highest scores."""
    mask = torch.zeros(scores.numel(), dtype=torch.bool)
    mask[scores.flatten().topk(count).indices] = True
    return mask.view_as(scores)


@dataclass(frozen=True)
class _Target:
    """A class, or a layer by its weight, with its distance from the image and the weights on the way."""

    name: str
    distance: float
    path: Callable[[], Sequence[Place]]


def _classes(wiring: Wiring, lengths: Tensors) -> Iterator[_Target]:
    paths = Paths(wiring, lengths)
    for index, distance in enumerate(paths.classes.tolist()):
        yield _Target(str(index), distance, partial(_to_class, paths, index))


def _layers(wiring: Wiring, lengths: Tensors) -> Iterator[_Target]:
    """Yield the layers whose weights are in `lengths`."""
    paths = Paths(wiring, lengths)
    for name, length in lengths.items():
        if name in wiring.units:
            yield _through(name, paths)
        elif length.dim() > 1:
            best = int(length.argmin())
            yield _Target(name, float(length.flatten()[best]), partial(list, [(name, best)]))


def _to_class(paths: Paths, index: int) -> Sequence[Place]:
    return paths.to_class(index)[0]


def _through(name: str, paths: Paths) -> _Target:
    after = paths.through(name)
    nearest = int(after.classes.argmin())

    def path() -> Sequence[Place]:
        behind, start = after.to_class(nearest)
        return [*behind, *paths.to_unit(*start)[0]]

    return _Target(name, float(after.classes[nearest]), path)


class _Collection:
    """The weights to keep so far. What is collected has no length for later paths.

    Attributes:
        masks: The weights to keep.
        missing: The number of targets for which there was no room, or to which no path leads.
    """

    def __init__(self, lengths: Tensors, held: Tensors, room: Mapping[tuple[str, ...], int]) -> None:
        self.masks = {name: mask.clone() for name, mask in held.items()}
        self.missing = 0
        self._lengths = {name: length.clone() for name, length in lengths.items()}
        self._room = {names: count - sum(int(held[name].sum()) for name in names) for names, count in room.items()}

    def add_all(self, wiring: Wiring) -> None:
        """Add the shortest paths to all classes, then those through all layers, nearest first."""
        for targets in (_classes, _layers):
            waiting = {target.name for target in targets(wiring, self._lengths)}
            while waiting:
                left = (target for target in targets(wiring, self._lengths) if target.name in waiting)
                nearest = min(left, key=lambda target: target.distance)
                waiting.remove(nearest.name)
                self._add(nearest)

    def _add(self, target: _Target) -> None:
        if not math.isfinite(target.distance):
            self.missing += 1
            return
        places = [(name, index) for name, index in target.path() if name in self.masks]
        new = [name for name, index in places if not self.masks[name].view(-1)[index]]
        room = {names: count - sum(name in names for name in new) for names, count in self._room.items()}
        if min(room.values()) < 0:
            self.missing += 1
            return
        self._room = room
        for name, index in places:
            self.masks[name].view(-1)[index] = True
            self._lengths[name].view(-1)[index] = 0
