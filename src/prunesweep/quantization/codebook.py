"""Codebooks: weights that share few values (Han, Mao, Dally, "Deep Compression", 2016, section 3).

The values of a codebook are those of the weights themselves: two weights of a group have the same entry if and only if
they are equal. So the weights of a network contain its codebooks, and nothing else has to be stored. Zero is not an
entry: a weight that is zero is pruned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from prunesweep.models.tensors import layer_of

MAX_ITERATIONS = 300
"""The largest number of iterations of k-means. In one dimension it converges after some tens."""

Group = tuple[str, ...]
"""The names of the parameters that share a codebook."""


def groups(parameters: Sequence[str], *, shared: bool) -> tuple[Group, ...]:
    """Return the groups of `parameters`: those of each layer, or all of them if they are `shared`."""
    if shared:
        return (tuple(parameters),)
    layers = dict.fromkeys(map(layer_of, parameters))
    return tuple(tuple(name for name in parameters if layer_of(name) == layer) for layer in layers)


def fit(values: Tensor, entries: int) -> Tensor:
    """Return the centroids of `values` by k-means, at most `entries`, sorted.

    The initial centroids divide the range of the values evenly, so that the few large values, which matter most, have
    centroids nearby (section 3.2). Fewer different values than entries are their own centroids. A centroid without
    values is left out.

    Args:
        values: Numbers `[n]`, at least one.
        entries: The number of centroids.
    """
    ordered = values.double().sort().values  # [n]
    different: Tensor = ordered.unique()
    if len(different) <= entries:
        return different
    sums = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    centroids = torch.linspace(float(ordered[0]), float(ordered[-1]), entries, dtype=torch.float64)
    for _ in range(MAX_ITERATIONS):
        ends = _ends(ordered, centroids)
        counts = ends.diff()  # [entries]
        means = sums[ends].diff() / counts.clamp(min=1)
        moved = torch.where(counts > 0, means, centroids)
        if torch.equal(moved, centroids):
            break
        centroids = moved
    used: Tensor = centroids[_ends(ordered, centroids).diff() > 0]
    return used


def _ends(ordered: Tensor, centroids: Tensor) -> Tensor:
    """Return where the clusters of sorted values `[n]` begin, and `n`: `[entries + 1]`."""
    inner = torch.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2)
    return torch.cat([inner.new_zeros(1), inner, inner.new_full((1,), len(ordered))])


def nearest(values: Tensor, centroids: Tensor) -> Tensor:
    """Return the nearest of the sorted `centroids` for each value, in the shape and type of `values`."""
    indices = torch.searchsorted((centroids[1:] + centroids[:-1]) / 2, values.double().contiguous())
    return centroids[indices].to(values.dtype)


def replaced(weights: Mapping[str, Tensor], group: Group, entries: int) -> dict[str, Tensor]:
    """Return the parameters of `group` with every nonzero value replaced by its entry in the codebook of the group."""
    kept = torch.cat([weights[name][weights[name] != 0].cpu() for name in group])
    if not len(kept):
        return {name: weights[name] for name in group}
    centroids = fit(kept, entries)
    return {
        name: torch.where(weights[name] != 0, nearest(weights[name].cpu(), centroids).to(weights[name].device), 0.0)
        for name in group
    }


def half(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `weights` with values that float16 represents exactly. Their type stays the same.

    Raises:
        ArithmeticError: A value is too large for float16.
    """
    rounded = {name: weight.half().to(weight.dtype) for name, weight in weights.items()}
    for name, weight in rounded.items():
        if not torch.isfinite(weight).all():
            raise ArithmeticError(f"{name} has a value above 65,504, the largest number of a codebook (float16)")
    return rounded


@dataclass(frozen=True)
class Places:
    """Where the entries of a codebook are in a parameter.

    Attributes:
        positions: The flat positions of the nonzero values `[n]`.
        indices: The entry of each `[n]`.
    """

    positions: Tensor
    indices: Tensor


class Shared(nn.Module):
    """A parametrization that places the entries of a codebook.

    The parameter `codebook` is an entry times the square root of the number of its weights. The gradient of an entry is
    the sum of the gradients of its weights; with this factor, a step moves the entry by the mean of the steps of its
    weights. So the learning rate does not depend on how many weights share an entry.
    """

    def __init__(self, codebook: nn.Parameter, factors: Tensor, places: Places) -> None:
        super().__init__()
        self.codebook = codebook
        self.factors = factors
        self.places = places

    def forward(self, weight: Tensor) -> Tensor:
        """Return the parameter in the shape of `weight`, whose values are not used."""
        entries = (self.codebook / self.factors)[self.places.indices]
        return weight.new_zeros(weight.numel()).scatter(0, self.places.positions, entries).view(weight.shape)


@contextmanager
def tied(model: nn.Module, shared: Sequence[Group]) -> Iterator[None]:
    """Within the context, train one value for all weights of a group that are equal; afterwards they are parameters.

    Parameters of `shared` that are zero everywhere stay zero.
    """
    parameters = dict(model.named_parameters())
    tied_names = []
    for group in shared:
        flat = {name: parameters[name].detach().contiguous().flatten() for name in group}
        entries, indices, counts = torch.cat([values[values != 0] for values in flat.values()]).unique(
            return_inverse=True, return_counts=True
        )
        factors = counts.to(entries.dtype).sqrt()
        codebook = nn.Parameter(entries * factors)
        split = indices.split([int((values != 0).sum()) for values in flat.values()])
        for (name, values), its_indices in zip(flat.items(), split, strict=True):
            places = Places(values.nonzero().flatten(), its_indices)
            layer, _, role = name.rpartition(".")
            parametrize.register_parametrization(
                model.get_submodule(layer), role, Shared(codebook, factors, places), unsafe=True
            )
            tied_names.append((layer, role))
    try:
        yield
    finally:
        for layer, role in tied_names:
            parametrize.remove_parametrizations(model.get_submodule(layer), role, leave_parametrized=True)
