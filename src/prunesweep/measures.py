"""What a network costs: parameters (weights and biases) and multiply-adds, all of them and those that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunesweep.models import Shape
from prunesweep.selection import prunable

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class LayerCost:
    """One prunable layer: its parameters, weights and biases together, and how many of them are not pruned."""

    name: str
    kind: str
    total: int
    nonzero: int
    sparsity: float


@dataclass(frozen=True)
class Cost:
    """Parameters and multiply-adds of a network under masks.

    Attributes:
        params_total: all parameters, weights and biases.
        params_selected: those under selection for pruning.
        params_pruned: those of the selected that are pruned.
        params_nonzero: params_total - params_pruned. A kept parameter that happens to be zero counts as kept.
        macs_total: multiply-adds of convolutions and linear layers for one image; adding a bias is none.
        macs_nonzero: those of them whose weight is not pruned: theoretical, for hardware that skips every zero.
        layers: the prunable layers, in the order of the network.
    """

    params_total: int
    params_selected: int
    params_pruned: int
    params_nonzero: int
    macs_total: int
    macs_nonzero: int
    layers: tuple[LayerCost, ...]


def cost(model: nn.Module, masks: Mapping[str, Tensor], selected: tuple[str, ...], shape: Shape) -> Cost:
    """Count the parameters and multiply-adds of `model`, on the CPU, for one image of `shape`."""
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    pruned = {name: int((~mask).sum()) for name, mask in masks.items()}
    kinds = prunable(model)
    uses = _uses_of_each_weight(model, kinds, shape)
    weights = {name: parameters[f"{name}.weight"] for name in kinds}
    layers = tuple(_layer(name, kind, parameters, pruned) for name, kind in kinds.items())
    total, gone = sum(parameters.values()), sum(pruned.values())
    return Cost(
        params_total=total,
        params_selected=sum(parameters[name] for name in selected),
        params_pruned=gone,
        params_nonzero=total - gone,
        macs_total=sum(uses[name] * weights[name] for name in kinds),
        macs_nonzero=sum(uses[name] * (weights[name] - pruned.get(f"{name}.weight", 0)) for name in kinds),
        layers=layers,
    )


def _layer(name: str, kind: str, parameters: Mapping[str, int], pruned: Mapping[str, int]) -> LayerCost:
    own = [f"{name}.{role}" for role in ("weight", "bias") if f"{name}.{role}" in parameters]
    total = sum(parameters[parameter] for parameter in own)
    gone = sum(pruned.get(parameter, 0) for parameter in own)
    return LayerCost(name, kind, total, total - gone, gone / total)


def _uses_of_each_weight(model: nn.Module, layers: Mapping[str, Any], shape: Shape) -> dict[str, int]:
    """Layer name -> how often each of its weights is multiplied for one image: the output positions it serves."""
    import torch

    uses = dict.fromkeys(layers, 0)

    def count(name: str, kind: str, output: Tensor) -> None:
        # Convolution: [1, channels, *positions]; linear: [1, *positions, features].
        positions = output.shape[2:] if kind == "conv" else output.shape[1:-1]
        uses[name] += int(positions.numel())

    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name, kind=kind: count(name, kind, output)
        )
        for name, kind in layers.items()
    ]
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
    return uses
