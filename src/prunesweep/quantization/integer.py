"""The integer program of a network: the same classes from 8-bit weights and activations, without a real number inside.

The program depends on the network and on the scales of its activations, and on nothing else. The scales are measured
once, on training images (`calibrate`), and stored with the weights. `IntegerNetwork.describe` returns the program as
plain numbers for implementations in other languages.

- Input: `limited(round(image * multiplier))`, a product of two float32 numbers, rounded half to even (`rintf` in C),
  limited to -127 to 127. Images are normalized as for the network itself.
- Operations: see `operations.py`. Batch normalizations are a part of the layers before them, see `folding.py`.
- Output: logits of 32 bits. Multiplied by `output_scale`, they are the real logits.

Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference"
(2018), with symmetric scales for weights and activations and one scale for each output channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunesweep.errors import UsageError
from prunesweep.quantization.fixed_point import fixed_point
from prunesweep.quantization.folding import AFFINE, NORMALIZATIONS, folded
from prunesweep.quantization.layers import NamedLayer, chain_of
from prunesweep.quantization.operations import INT32, Affine, Average, Lookup, Operation, Plain
from prunesweep.quantization.symmetric import LARGEST, quantized, scales

PURPOSE = "quantize=int8"
PLAIN = (nn.MaxPool2d, nn.ReLU, nn.Flatten, nn.ZeroPad2d)
IGNORED = (nn.Identity, nn.Dropout, nn.Dropout2d)
CURVES: dict[type[nn.Module], Callable[[float], float]] = {
    nn.Tanh: math.tanh,
    nn.Sigmoid: lambda value: 0.5 * (1 + math.tanh(value / 2)),
}
"""Layers that become tables. Their results are at most 1, the scale of which is 1/127."""


def calibrate(model: nn.Module, images: Tensor) -> list[float]:
    """Return the scales of the activations: the largest absolute value / 127 on `images`.

    The first scale is that of the images. Each other one is that of a convolution or linear layer, except the last one,
    in their order. It is measured where the next layer reads the values, after max-pooling and ReLU.

    Args:
        model: The network, on the CPU, in evaluation mode.
        images: Normalized training images `[n, channels, height, width]`.

    Raises:
        UsageError: A layer is not supported.
    """
    layers = folded(supported(model))
    found = [_scale(images)]
    waiting = False
    with torch.inference_mode():
        for name, layer in layers:
            if waiting and isinstance(layer, (*AFFINE, nn.AvgPool2d, *CURVES)):
                found.append(_scale(images))
                waiting = False
            images = layer(images)
            waiting = waiting or (isinstance(layer, AFFINE) and name != _last_affine(layers))
    return found if not waiting else [*found, _scale(images)]


def _scale(values: Tensor) -> float:
    return float(values.abs().max()) / LARGEST or 1.0


def _last_affine(layers: Sequence[NamedLayer]) -> str | None:
    """Return the name of the layer that computes the logits: the last one, if no table follows."""
    names = [name for name, layer in layers if isinstance(layer, (*AFFINE, nn.AvgPool2d, *CURVES))]
    kinds = dict(layers)
    return names[-1] if names and isinstance(kinds[names[-1]], AFFINE) else None


def supported(model: nn.Module) -> list[NamedLayer]:
    """Return the layers of `model` in the order in which they run.

    Raises:
        UsageError: An integer program cannot compute a layer. The message names it.
    """
    layers = [(name, layer) for name, layer in chain_of(model, PURPOSE) if not isinstance(layer, IGNORED)]
    for (name, layer), before in zip(layers, [None, *(layer for _, layer in layers)], strict=False):
        reason = _obstacle(layer, before)
        if reason:
            raise UsageError(
                f"{PURPOSE}: the layer {name} ({type(layer).__name__}) {reason}. Supported are Conv2d and Linear, with "
                "or without batch normalization after them, ReLU, Tanh, Sigmoid, MaxPool2d, AvgPool2d, Flatten, "
                "ZeroPad2d, Identity and Dropout. Use quantize=codebook."
            )
    return layers


def _obstacle(layer: nn.Module, before: nn.Module | None) -> str | None:
    """Return why an integer program cannot compute a layer after the layer `before`, or None if it can."""
    if isinstance(layer, NORMALIZATIONS):
        return _obstacle_of_normalization(layer, before)
    if not isinstance(layer, (*AFFINE, *PLAIN, nn.AvgPool2d, *CURVES)):
        return "cannot be computed with integers"
    if isinstance(layer, nn.Conv2d) and layer.padding_mode != "zeros":
        return f"has padding_mode={layer.padding_mode}"
    if isinstance(layer, nn.MaxPool2d) and layer.return_indices:
        return "has return_indices=True"
    if isinstance(layer, nn.AvgPool2d) and (layer.ceil_mode or layer.divisor_override or not layer.count_include_pad):
        return "has windows of different sizes, or another divisor"
    return None


def _obstacle_of_normalization(layer: _BatchNorm, before: nn.Module | None) -> str | None:
    if not isinstance(before, AFFINE):
        return "does not directly follow a convolution or a linear layer, into which it could be folded"
    return None if layer.track_running_stats else "does not have running statistics"


class IntegerNetwork(nn.Module):
    """A network that computes with integers.

    Attributes:
        input_multiplier: The factor of the images, a float32 number.
        operations: The operations.
        output_scale: The real value of a logit of 1.
    """

    def __init__(self, model: nn.Module, activations: Sequence[float]) -> None:
        """Build the program of `model`, on the CPU, from the scales returned by `calibrate`.

        Raises:
            UsageError: A layer is not supported, or its sums do not fit into 32 bits.
            ValueError: The number of scales is not that of the network.
        """
        super().__init__()
        self.input_multiplier = torch.tensor(1 / activations[0], dtype=torch.float32)
        self.operations, self.output_scale = _program(folded(supported(model)), list(activations))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits `[n, classes]` of normalized images, as real numbers of type float32."""
        return (self.integers(images.cpu()) * self.output_scale).float().to(images.device)

    def integers(self, images: Tensor) -> Tensor:
        """Return the logits `[n, classes]` of normalized images as integers, of type float64."""
        values = self.quantize(images)
        for operation in self.operations:
            values = operation.apply(values)
        return values

    def quantize(self, images: Tensor) -> Tensor:
        """Return the integers of normalized float32 images, as float64."""
        return (images * self.input_multiplier).round().clamp(-LARGEST, LARGEST).double()

    def describe(self) -> dict[str, Any]:
        """Return the program as plain JSON values, without weights."""
        return {
            "input_multiplier": float(self.input_multiplier),
            "zero_point": 0,
            "operations": [operation.describe() for operation in self.operations],
            "output_scale": self.output_scale,
        }


def _program(layers: Sequence[NamedLayer], activations: list[float]) -> tuple[list[Operation], float]:
    """Return the operations, and the scale of the output."""
    last = _last_affine(layers)
    affine = sum(isinstance(layer, AFFINE) for _, layer in layers)
    if len(activations) != 1 + affine - (last is not None):
        raise ValueError(f"the network has {affine} convolutions and linear layers, which does not fit the scales")
    remaining = iter(activations)
    scale = next(remaining)
    operations: list[Operation] = []
    for name, layer in layers:
        if isinstance(layer, AFFINE):
            after = scale * float(scales(layer.weight).max()) if name == last else next(remaining)
            operations.append(_affine(name, layer, scale, after, is_last=name == last))
            scale = after
        elif isinstance(layer, nn.AvgPool2d):
            operations.append(Average(name, layer, *fixed_point(1 / _window(layer))))
        elif type(layer) in CURVES:
            operations.append(Lookup(name, _table(CURVES[type(layer)], scale)))
            scale = 1 / LARGEST
        else:
            operations.append(Plain(name, layer))
    return operations, scale


def _affine(name: str, layer: nn.Conv2d | nn.Linear, scale: float, after: float, *, is_last: bool) -> Affine:
    """Return the operation of a layer whose inputs and outputs have the scales `scale` and `after`."""
    weight, units = quantized(layer.weight), scales(layer.weight) * scale  # the real value of 1 in an accumulator
    real = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    bias = (real.double() / units).round()
    largest = weight.abs().flatten(1).sum(1) * LARGEST + bias.abs()
    if not bool((largest <= INT32).all()):
        raise UsageError(
            f"{PURPOSE}: the sums of the layer {name} can be as large as {float(largest.max()):.3g}, which does not "
            "fit into 32 bits. Use quantize=codebook."
        )
    factors = [fixed_point(float(unit) / after) for unit in units]
    multipliers, shifts = (torch.tensor(numbers) for numbers in zip(*factors, strict=True))
    return Affine(name, layer, weight, bias, multipliers, shifts, limit=INT32 if is_last else LARGEST)


def _window(layer: nn.AvgPool2d) -> int:
    size = layer.kernel_size
    return size * size if isinstance(size, int) else math.prod(size)


def _table(curve: Callable[[float], float], scale: float) -> Tensor:
    """Return the integers of `curve` for the inputs -127 to 127 of the given scale."""
    return torch.tensor([float(round(LARGEST * curve(value * scale))) for value in _inputs()], dtype=torch.float64)


def _inputs() -> Iterator[int]:
    yield from range(-LARGEST, LARGEST + 1)
