"""Remove parameters that have no effect: the inputs of constants, and units whose output reaches nothing.

A unit is an output channel or a neuron. A unit without inputs computes its bias. What a later layer computes from it
is a constant too, and moves into the biases of that layer. The function of the network stays the same, up to rounding.

Constants are found by running the network on an image of NaN. Every value that depends on the image, or on a unit with
inputs, is NaN in the input of a later layer. All other values are constants, evaluated by the modules of the network
themselves: pooling, activations, normalization, skip connections. What this cannot show is left as it is:

- The border of a zero-padded convolution sees other constants than its center, so only the constant 0 is folded there.
- A layer without a bias has no place for a constant other than 0.
- Layers that run more than once, grouped and transposed convolutions, and shared weights are not changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from prunesweep.models.settings import Shape
from prunesweep.pruning.tracing import AT_ONCE, Layer, hooked, layers_that_run_once, unit_dimension

TOLERANCE = 1e-9
"""Allowed difference of a logit in float64, absolute and as a fraction of the largest logit."""


def clean_up(model: nn.Module, shape: Shape) -> dict[str, Tensor]:
    """Return parameter name -> the new values of the parameters of `model` that change.

    Args:
        model: The network, on the CPU, with pruned weights exactly zero. It is not modified.
        shape: Channels, height and width of an image.

    Returns:
        Values without the parameters that have no effect, which are zero. Nothing if the clean network does not compute
        the same function: it depends on its images in a way that NaN does not show, such as by a comparison.
    """
    before = copy.deepcopy(model).double().eval()
    after = copy.deepcopy(before)
    images = torch.randn(8, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        layers = list(layers_that_run_once(after, images).values())
        _fold_constants(after, layers, shape)
        _remove_dead_ends(after, layers, shape)
        expected = before(images.clone())
        difference = float((after(images.clone()) - expected).abs().max())
    if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):
        return {}
    original = dict(model.named_parameters())
    changed = {name: value.detach().to(original[name].dtype) for name, value in after.named_parameters()}
    return {name: value for name, value in changed.items() if not torch.equal(value, original[name])}


def _fold_constants(model: nn.Module, layers: list[Layer], shape: Shape) -> None:
    """Move the effect of constant inputs into the biases, in one pass, because each layer runs after its inputs."""

    def fold(layer: Layer, inputs: tuple[Tensor, ...]) -> None:
        values = _constants(layer, inputs[0])
        only_zero = layer.bias is None or _sees_a_border(layer)
        folded = values == 0 if only_zero else values.isfinite()  # [in]
        if layer.bias is not None:
            totals = layer.weight.reshape(*layer.weight.shape[:2], -1).sum(2)  # [out, in]
            layer.bias.add_(totals[:, folded] @ values[folded])
        layer.weight[:, folded] = 0

    def mark(layer: Layer, _: Any, output: Tensor) -> Tensor:
        bias = layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias
        values = bias.where(~layer.weight.flatten(1).any(1), float("nan"))  # [out]
        return _along_units(layer, values, output).expand_as(output).clone()

    handles = [layer.register_forward_pre_hook(fold) for layer in layers]
    handles += [layer.register_forward_hook(mark) for layer in layers]
    with hooked(handles):
        model(torch.full((1, *shape), float("nan"), dtype=torch.float64))


def _constants(layer: Layer, inputs: Tensor) -> Tensor:
    """Return the value of each input feature or channel `[in]`, NaN where it depends on the image or on the place."""
    rows = inputs.movedim(unit_dimension(layer), 0).flatten(1)
    return rows[:, 0].where((rows == rows[:, :1]).all(1), float("nan"))


def _sees_a_border(layer: Layer) -> bool:
    """Return whether the layer pads its input with zeros."""
    return (
        not isinstance(layer, nn.Linear)
        and layer.padding_mode == "zeros"
        and any(layer._reversed_padding_repeated_twice)
    )


def _remove_dead_ends(model: nn.Module, layers: list[Layer], shape: Shape) -> None:
    """Set the parameters of units whose output does not reach the outputs of the network to zero, last layers first.

    One image for each unit: in its pass, the unit is NaN, and inputs that a layer does not use are removed.
    """

    def ignore_unused(layer: Layer, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        used = layer.weight.transpose(0, 1).flatten(1).any(1)  # [in]
        return (inputs[0].where(_along_units(layer, used, inputs[0]), 0.0), *inputs[1:])

    with hooked([layer.register_forward_pre_hook(ignore_unused) for layer in layers]):
        for layer in reversed(layers):
            for units in torch.arange(len(layer.weight)).split(AT_ONCE):
                with hooked([layer.register_forward_hook(_nan_of(units))]):
                    logits = model(torch.zeros(len(units), *shape, dtype=torch.float64))
                unreached = units[~logits.flatten(1).isnan().any(1)]
                for parameter in layer.parameters():
                    parameter[unreached] = 0


def _nan_of(units: Tensor) -> Callable[[Layer, Any, Tensor], None]:
    """Return a hook that sets the output of one of `units` to NaN for each image."""

    def hook(layer: Layer, _: Any, output: Tensor) -> None:
        output.movedim(unit_dimension(layer), 1)[torch.arange(len(units)), units] = float("nan")

    return hook


def _along_units(layer: Layer, values: Tensor, like: Tensor) -> Tensor:
    """Return `values` of features or channels in a shape that broadcasts to inputs or outputs `like`."""
    shape = [1] * like.dim()
    shape[unit_dimension(layer)] = -1
    return values.view(shape)
