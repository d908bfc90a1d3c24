"""Find out which units of a network read which.

Layers are cut open: a layer returns ones, and one of its units returns NaN. What the other modules make of it shows
which inputs of later layers depend on this unit: through pooling, activations, normalization, flattening and skip
connections. Layers that run more than once, grouped and transposed convolutions and shared weights are not cut open:
what they return depends on all of their inputs.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from prunesweep.models.settings import Shape
from prunesweep.models.tensors import parameter_of
from prunesweep.pruning.paths import IMAGE, OUTPUT, Paths, Wiring
from prunesweep.pruning.tracing import AT_ONCE, Layer, hooked, layers_that_run_once, unit_dimension


def trace(model: nn.Module, shape: Shape) -> Wiring:
    """Return the wiring of `model`, without any layer if its paths cannot be followed.

    Paths cannot be followed if the network does not run on NaN, or depends on its images in a way that NaN does not
    show, such as by a comparison. The border of a padded convolution is not distinguished from its center.

    Args:
        model: The network, on the CPU. Only its structure matters. It is not modified.
        shape: Channels, height and width of an image.
    """
    try:
        with torch.no_grad():
            wiring = _trace(copy.deepcopy(model).eval(), shape)
    except Exception:  # the user's network may raise anything
        return Wiring()
    classes = Paths(wiring, {}).classes
    return wiring if len(classes) and classes.isfinite().all() else Wiring()


def _trace(model: nn.Module, shape: Shape) -> Wiring:
    layers = layers_that_run_once(model, torch.ones(1, *shape))
    cut = _cut_open(model, layers, shape)
    units = {
        parameter_of(name, "weight"): (layer.weight.shape[0], layer.weight.shape[1]) for name, layer in layers.items()
    }
    reads: dict[str, dict[str, Tensor]] = {reader: {} for reader in (*units, OUTPUT)}
    for source in (IMAGE, *units):
        count = 1 if source == IMAGE else units[source][0]
        for reader, depends in _readers(model, cut, source, count, shape).items():
            if depends.any():
                reads[reader][source] = depends
    return Wiring(units, reads)


class _Cut:
    """A layer that returns ones, or NaN in marked units, and records which of its inputs are NaN.

    Attributes:
        marked: One unit for each image, or None.
        seen: `[in, n]`: which inputs were NaN in the last pass.
    """

    def __init__(self, layer: Layer, output: Tensor) -> None:
        self.marked: Tensor | None = None
        self.seen = torch.empty(0)
        self._dimension = unit_dimension(layer)
        self._shape = output.shape[1:]

    def __call__(self, inputs: Tensor) -> Tensor:
        rows = inputs.isnan().movedim(self._dimension, 1)  # [n, in, ...]
        self.seen = rows.reshape(*rows.shape[:2], -1).any(2).T
        result = torch.ones(len(inputs), *self._shape)
        if self.marked is not None:
            result.movedim(self._dimension, 1)[torch.arange(len(inputs)), self.marked] = torch.nan
        return result


def _cut_open(model: nn.Module, layers: Mapping[str, Layer], shape: Shape) -> dict[str, _Cut]:
    """Replace the computation of each layer; return weight -> what replaces it."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str, _layer: Layer, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs[name] = output

    with hooked([layer.register_forward_hook(partial(keep, name)) for name, layer in layers.items()]):
        model(torch.ones(1, *shape))
    cut = {}
    for name, layer in layers.items():
        cut[parameter_of(name, "weight")] = replaced = _Cut(layer, outputs[name])
        layer.forward = replaced  # type: ignore[method-assign, assignment]
    return cut


def _readers(model: nn.Module, cut: Mapping[str, _Cut], source: str, units: int, shape: Shape) -> dict[str, Tensor]:
    """Return reader -> `[in, units]`: which of its inputs depend on which units of `source`."""
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for some in torch.arange(units).split(AT_ONCE):
        for name, each in cut.items():
            each.marked = some if name == source else None
        logits = model(torch.full((len(some), *shape), torch.nan if source == IMAGE else 1.0))
        parts[OUTPUT].append(logits.isnan().T)
        for name, each in cut.items():
            parts[name].append(each.seen)
    return {reader: torch.cat(each, 1) for reader, each in parts.items()}
