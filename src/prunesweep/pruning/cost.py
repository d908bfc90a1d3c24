"""Count the parameters and multiply-adds of a network: all of them, and those that are left under masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prunesweep.models.settings import Shape
from prunesweep.models.tensors import layer_of, layers_of, parameter_of
from prunesweep.pruning.flow import flow
from prunesweep.pruning.multiplications import multiplications
from prunesweep.pruning.selection import prunable


@dataclass(frozen=True)
class LayerCost:
    """The parameters of one prunable layer, weights and biases together, and those that are not pruned.

    A parameter that several layers share belongs to the first of them.
    """

    name: str
    kind: str
    total: int
    nonzero: int
    sparsity: float


@dataclass(frozen=True)
class OtherLayer:
    """A layer with parameters that cannot be pruned, such as a normalization or a recurrent layer.

    Attributes:
        name: The name of the layer.
        kind: The name of its class.
        params: The number of its parameters.
    """

    name: str
    kind: str
    params: int


@dataclass(frozen=True)
class Cost:
    """Parameters and multiply-adds of a network under masks.

    Attributes:
        params_total: All parameters, weights and biases.
        params_selected: Parameters selected for pruning.
        params_pruned: Selected parameters that are pruned.
        params_nonzero: All parameters that are not pruned, including those that are not selected. A kept parameter that
            happens to be zero counts as kept.
        macs_total: Multiply-adds with parameters for one image, in convolutions and matrix products. Adding a bias is
            not counted, and neither are products of two activations.
        macs_nonzero: Multiply-adds whose weight is not pruned: a theoretical count, for hardware that skips every zero.
        params_effective: Kept parameters that matter: weights on a path of kept weights from the input to the output,
            and biases of the units on such paths.
        dead_layers: Prunable layers without an effective weight. No signal passes them.
        layers: The prunable layers, in the order of the network.
        other_layers: The layers with parameters that cannot be pruned, in the order of the network.
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
    other_layers: tuple[OtherLayer, ...]


def cost(model: nn.Module, masks: Mapping[str, Tensor], selected: tuple[str, ...], shape: Shape) -> Cost:
    """Count the parameters and multiply-adds of `model`, on the CPU, for one image of `shape`.

    Args:
        model: The network, on the CPU. Only its structure matters.
        masks: Parameter name -> boolean mask, true where the weight is kept.
        selected: The parameters selected for pruning.
        shape: Channels, height and width of an image.
    """
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    pruned = {name: int((~mask).sum()) for name, mask in masks.items()}
    kinds, owned = prunable(model), _owned(model)
    uses = multiplications(model, shape)
    total, total_pruned = sum(parameters.values()), sum(pruned.values())
    cut_off = _cut_off(model, masks, shape)
    return Cost(
        params_total=total,
        params_selected=sum(parameters[name] for name in selected),
        params_pruned=sum(pruned.get(name, 0) for name in selected),
        params_nonzero=total - total_pruned,
        macs_total=sum(uses[name] * parameters[name] for name in parameters),
        macs_nonzero=sum(uses[name] * (parameters[name] - pruned.get(name, 0)) for name in parameters),
        params_effective=total - total_pruned - sum(int(lost.sum()) for lost in cut_off.values()),
        dead_layers=tuple(name for name in kinds if _is_dead(parameter_of(name, "weight"), masks, cut_off)),
        layers=tuple(_layer(name, kind, owned[name], parameters, pruned) for name, kind in kinds.items()),
        other_layers=tuple(
            OtherLayer(name, type(module).__name__, sum(parameters[parameter] for parameter in owned[name]))
            for name, module in layers_of(model).items()
            if name not in kinds and owned[name]
        ),
    )


def _owned(model: nn.Module) -> dict[str, list[str]]:
    """Return module name -> the parameters that no module before it has."""
    owned: dict[str, list[str]] = {name: [] for name in layers_of(model)}
    for name, _ in model.named_parameters():
        owned[layer_of(name)].append(name)
    return owned


def _layer(
    name: str, kind: str, names: list[str], parameters: Mapping[str, int], pruned: Mapping[str, int]
) -> LayerCost:
    total = sum(parameters[parameter] for parameter in names)
    zero = sum(pruned.get(parameter, 0) for parameter in names)
    return LayerCost(name, kind, total, total - zero, zero / total if total else 0.0)


def _cut_off(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Return name -> where a kept parameter is on no path any more, although it was on one without masks.

    A path exists if the outputs for an image of ones change with the parameter, in the same network with positive
    weights.
    """
    if not masks:
        return {}
    before, after = _on_a_path(model, {}, shape), _on_a_path(model, masks, shape)
    kept = {name: masks.get(name, before[name].new_ones(before[name].shape)) for name in before}
    return {name: kept[name] & before[name] & ~after[name] for name in before}


def _on_a_path(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Return name -> where a parameter changes the outputs if all kept weights are positive."""
    layers = {parameter_of(name, role) for name in prunable(model) for role in ("weight", "bias")}
    values: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if name not in layers:
            values[name] = parameter.detach().abs()
        elif parameter.dim() == 1:
            values[name] = torch.zeros_like(parameter)  # a unit without inputs must not pass its bias on
        else:
            values[name] = masks.get(name, torch.ones_like(parameter)) / parameter[0].numel()
    flows = flow(model, values, shape)
    return {name: gradient != 0 for name, gradient in flows.items() if name in layers}


def _is_dead(weight: str, masks: Mapping[str, Tensor], cut_off: Mapping[str, Tensor]) -> bool:
    if weight not in cut_off:
        return False
    lost = cut_off[weight]
    return bool((lost | ~masks[weight]).all() if weight in masks else lost.all())
