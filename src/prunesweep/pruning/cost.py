"""What a network costs: parameters (weights and biases) and multiply-adds, all of them and those that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prunesweep.models.settings import Shape
from prunesweep.pruning.flow import flow
from prunesweep.pruning.selection import prunable


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
        params_effective: those of the nonzero that matter: weights on some path from the input to the output along
            weights that are not pruned, and biases of the units on such paths.
        dead_layers: prunable layers none of whose weights is effective: nothing passes them any more.
        layers: the prunable layers, in the order of the network.
    """

    params_total: int
    params_selected: int
    params_pruned: int
    params_nonzero: int
    macs_total: int
    macs_nonzero: int
    params_effective: int
    dead_layers: tuple[str, ...]
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
    cut_off = _cut_off(model, masks, shape)
    return Cost(
        params_total=total,
        params_selected=sum(parameters[name] for name in selected),
        params_pruned=gone,
        params_nonzero=total - gone,
        macs_total=sum(uses[name] * weights[name] for name in kinds),
        macs_nonzero=sum(uses[name] * (weights[name] - pruned.get(f"{name}.weight", 0)) for name in kinds),
        params_effective=total - gone - sum(int(lost.sum()) for lost in cut_off.values()),
        dead_layers=tuple(name for name in kinds if _is_dead(f"{name}.weight", masks, cut_off)),
        layers=layers,
    )


def _layer(name: str, kind: str, parameters: Mapping[str, int], pruned: Mapping[str, int]) -> LayerCost:
    own = [f"{name}.{role}" for role in ("weight", "bias") if f"{name}.{role}" in parameters]
    total = sum(parameters[parameter] for parameter in own)
    gone = sum(pruned.get(parameter, 0) for parameter in own)
    return LayerCost(name, kind, total, total - gone, gone / total)


def _cut_off(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Name -> where a parameter that is kept lies on no path any more, though without masks it would.

    A path carries something of an image of ones to the outputs of a network whose weights are all alike positive.
    """
    if not masks:
        return {}
    before, after = _carries(model, {}, shape), _carries(model, masks, shape)
    kept = {name: masks.get(name, before[name].new_ones(before[name].shape)) for name in before}
    return {name: kept[name] & before[name] & ~after[name] for name in before}


def _carries(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Name -> where a parameter, once it is positive, changes the outputs."""
    layers = {f"{name}.{role}" for name in prunable(model) for role in ("weight", "bias")}
    plain: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if name not in layers:
            plain[name] = parameter.detach().abs()
        elif parameter.dim() == 1:
            plain[name] = torch.zeros_like(parameter)  # a unit without inputs must pass nothing on
        else:
            plain[name] = masks.get(name, torch.ones_like(parameter)) / parameter[0].numel()
    found = flow(model, plain, shape)
    return {name: gradient != 0 for name, gradient in found.items() if name in layers}


def _is_dead(weight: str, masks: Mapping[str, Tensor], cut_off: Mapping[str, Tensor]) -> bool:
    if weight not in cut_off:
        return False
    lost = cut_off[weight]
    return bool((lost | ~masks[weight]).all() if weight in masks else lost.all())


def _uses_of_each_weight(model: nn.Module, layers: Mapping[str, Any], shape: Shape) -> dict[str, int]:
    """Layer name -> how often each of its weights is multiplied for one image: the output positions it serves."""
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
