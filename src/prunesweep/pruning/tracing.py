"""Observe the layers of a network while it runs on an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from prunesweep.models.tensors import layers_of
from prunesweep.pruning.selection import prunable

AT_ONCE = 256
"""The number of units that one pass examines."""

Layer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear


def layers_that_run_once(model: nn.Module, images: Tensor) -> dict[str, Layer]:
    """Return name -> layer of the layers whose units can be followed, in the order in which they run on `images`.

    Layers that run more than once, grouped and transposed convolutions, and shared weights are left out.
    """
    known, modules = prunable(model), layers_of(model)
    calls: list[str] = []
    with hooked([modules[name].register_forward_hook(lambda *_, name=name: calls.append(name)) for name in known]):
        model(images.clone())
    uses = Counter(id(parameter) for module in modules.values() for parameter in module._parameters.values())
    return {
        name: layer
        for name in calls
        if isinstance(layer := modules[name], Layer)
        and calls.count(name) == 1
        and getattr(layer, "groups", 1) == 1
        and all(uses[id(parameter)] == 1 for parameter in layer.parameters())
    }


def unit_dimension(layer: Layer) -> int:
    """Return the dimension of the features or channels in the inputs and outputs of a layer."""
    return -1 if isinstance(layer, nn.Linear) else 1


@contextmanager
def hooked(handles: list[Any]) -> Iterator[None]:
    """Remove the hooks of `handles` afterwards."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
