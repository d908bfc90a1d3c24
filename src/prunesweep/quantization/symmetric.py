"""Weights as integers from -127 to 127, times one scale for each output channel."""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST = 127
"""The largest integer. -128 is not used, so that the range is symmetric."""

SMALLEST_SCALE = 2.0**-12
"""The smallest scale of a channel, as a fraction of the largest of its layer, so that biases fit into 32 bits."""

TINY = 2.0**-100
"""Weights of a layer with a smaller scale become zero: its multiples would not be exact in float32."""


def scales(weight: Tensor) -> Tensor:
    """Return the scale of each output channel, float64 `[out]`.

    The largest weight of a channel becomes 127. A layer that is zero has the scale 1. A scale has 16 significant bits,
    so that 127 times the scale is exact in float32. Therefore the scales of `dequantized` weights are the scales of the
    original weights.

    Args:
        weight: The weight of a layer, float32 `[out, ...]`.
    """
    largest = weight.detach().flatten(1).abs().amax(1).double() / LARGEST
    rounded = _with_16_bits(largest)
    top = float(rounded.max())
    return rounded.clamp(min=top * SMALLEST_SCALE) if top >= TINY else torch.ones_like(rounded)


def _with_16_bits(numbers: Tensor) -> Tensor:
    """Return positive `numbers` rounded to 16 significant bits."""
    mantissa, exponent = torch.frexp(numbers)
    return torch.ldexp((mantissa * 2**16).round(), exponent - 16)


def quantized(weight: Tensor) -> Tensor:
    """Return the integers of `weight` in its shape, as float64: weight / scale, rounded half to even."""
    return (weight.detach().double() / _along_channels(scales(weight), weight)).round()


def dequantized(weight: Tensor) -> Tensor:
    """Return `weight` rounded to multiples of the scales of its channels. The products are exact."""
    return (quantized(weight) * _along_channels(scales(weight), weight)).to(weight.dtype)


def _along_channels(values: Tensor, weight: Tensor) -> Tensor:
    return values.view(-1, *[1] * (weight.dim() - 1))
