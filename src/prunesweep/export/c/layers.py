"""The layers that can be exported, as plain values of float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
"""A vertical and a horizontal number."""
Shape = tuple[int, int, int]
"""Channels, height and width. A vector of n values has the shape (n, 1, 1)."""


@dataclass(frozen=True)
class Rescale:
    """How the sums of an integer layer become its results: `quantization.operations.Affine`.

    Attributes:
        multipliers: Integers of 31 bits `[out]`.
        shifts: From 1 to 62 `[out]`.
        limit: The largest absolute value of a result.
    """

    multipliers: Array
    shifts: Array
    limit: int

    def select(self, kept: Array) -> Rescale:
        """Return the numbers of the output channels for which `kept` `[out]` is true."""
        return replace(self, multipliers=self.multipliers[kept], shifts=self.shifts[kept])


@dataclass(frozen=True)
class Conv:
    """A convolution.

    Attributes:
        name: The layer's name in the network.
        weight: `[out, in, height, width]`. Zero where a group does not connect an input to an output.
        connected: Boolean, of the same shape: the weights of the dense layer, pruned or not.
        bias: `[out]`.
        stride: Distance between outputs.
        padding: Rows of zeros above and below, columns of zeros left and right: (top, bottom, left, right).
        dilation: Distance between the inputs of a window.
        rescale: How its sums become results if weights and biases are integers, or None.
    """

    name: str
    weight: Array
    connected: Array
    bias: Array
    stride: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    rescale: Rescale | None = None

    def output_size(self, height: int, width: int) -> Pair:
        """Return the height and the width of the output for an input of this size, before padding."""
        top, bottom, left, right = self.padding
        sizes = (height + top + bottom, width + left + right)
        high, wide = (
            (size - step * (kernel - 1) - 1) // stride + 1
            for size, step, kernel, stride in zip(sizes, self.dilation, self.weight.shape[2:], self.stride, strict=True)
        )
        return high, wide


@dataclass(frozen=True)
class Linear:
    """A linear layer. Its inputs are all values of the stage before it, in the order channel, row, column.

    Attributes:
        name: The layer's name in the network.
        weight: `[out, in]`.
        bias: `[out]`.
        rescale: How its sums become results if weights and biases are integers, or None.
    """

    name: str
    weight: Array
    bias: Array
    rescale: Rescale | None = None


@dataclass(frozen=True)
class Scale:
    """A factor and a summand for each channel: batch normalization, or the normalization of pixels.

    Attributes:
        name: The layer's name in the network.
        factor: `[channels]`.
        summand: `[channels]`.
    """

    name: str
    factor: Array
    summand: Array


@dataclass(frozen=True)
class Pool:
    """Pooling.

    Attributes:
        name: The layer's name in the network.
        kind: `max` or `average`.
        kernel: Height and width of a window.
        stride: Distance between windows.
        padding: Rows and columns added at each side.
        dilation: Distance between the inputs of a window.
        size: Height and width of the output.
        counts_padding: Whether an average also counts added rows and columns.
        reciprocal: The multiplier and the shift that divide the sum of integers by the size of a window, or None.
    """

    name: str
    kind: str
    kernel: Pair
    stride: Pair
    padding: Pair
    size: Pair
    dilation: Pair = (1, 1)
    counts_padding: bool = True
    reciprocal: Pair | None = None

    def fits(self, height: int, width: int) -> bool:
        """Whether all windows are inside an input of this size."""
        return self.padding == (0, 0) and all(
            (outputs - 1) * stride + step * (kernel - 1) < size
            for outputs, stride, step, kernel, size in zip(
                self.size, self.stride, self.dilation, self.kernel, (height, width), strict=True
            )
        )


@dataclass(frozen=True)
class Activation:
    """An activation, `relu`, `tanh`, `sigmoid`, or of integers `table`: the results for -127 to 127 `[255]`."""

    name: str
    kind: str
    table: Array | None = None


@dataclass(frozen=True)
class Padding:
    """Rows and columns of zeros: (top, bottom, left, right)."""

    name: str
    padding: tuple[int, int, int, int]


def grouped(weight: Array, groups: int) -> tuple[Array, Array]:
    """Return the weight and the connections of a grouped convolution, as `Conv` has them.

    Args:
        weight: `[out, in / groups, height, width]`.
        groups: The number of groups.
    """
    outputs, within = weight.shape[:2]
    full = np.zeros((outputs, within * groups, *weight.shape[2:]), weight.dtype)
    connected = np.zeros(full.shape, bool)
    for output in range(outputs):
        first = output // (outputs // groups) * within
        full[output, first : first + within] = weight[output]
        connected[output, first : first + within] = True
    return full, connected


Head = Conv | Linear
Layer = Conv | Linear | Scale | Pool | Activation | Padding


def scaled(head: Head, scale: Scale) -> Head:
    """Return `head` followed by `scale`, as one layer."""
    factor = scale.factor.reshape(-1, *[1] * (head.weight.ndim - 1))
    return replace(head, weight=head.weight * factor, bias=head.bias * scale.factor + scale.summand)


def scaling(head: Head, scale: Scale, places: int) -> Head:
    """Return `scale` followed by `head`, as one layer. A convolution must not pad its input.

    Args:
        head: A layer.
        scale: Its input before the layer.
        places: The number of values of each channel of the input.
    """
    factor, summand = scale.factor, scale.summand
    if isinstance(head, Linear):
        factor, summand = factor.repeat(places), summand.repeat(places)
    shape = (1, -1, *[1] * (head.weight.ndim - 2))
    constant = (head.weight * summand.reshape(shape)).reshape(len(head.weight), -1).sum(1)
    return replace(head, weight=head.weight * factor.reshape(shape), bias=head.bias + constant)
