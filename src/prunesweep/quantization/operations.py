"""The operations of an integer program.

All activations between operations are integers from -127 to 127 with the zero point 0: a real value is the integer
times the scale of its tensor. Only the logits have 32 bits. Each operation defines its result exactly, without a choice
that would be left to an implementation, so that a program in C computes the same integers.

Here, integers are values of type float64. Sums of products are exact in any order, because they stay below 2^53.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from prunesweep.quantization.fixed_point import rescaled
from prunesweep.quantization.symmetric import LARGEST

INT32 = 2**31 - 1


@dataclass(frozen=True)
class Operation(ABC):
    """An operation of an integer program.

    Attributes:
        name: The name of the layer that it computes.
    """

    name: str

    @abstractmethod
    def apply(self, values: Tensor) -> Tensor:
        """Return the integers `[n, ...]` that follow from the integers `values` `[n, ...]`, both of type float64."""

    def describe(self) -> dict[str, Any]:
        """Return the kind of the operation and its numbers as plain JSON values, without weights."""
        return {"kind": type(self).__name__.lower(), "name": self.name}


@dataclass(frozen=True)
class Affine(Operation):
    """A convolution or a linear layer.

    `accumulator = bias + sum of weight * value` is an integer of 32 bits, which cannot overflow. The result is
    `fixed_point.rescaled(accumulator, multiplier, shift)` of its output channel, limited to -`limit` to `limit`.

    Attributes:
        layer: The layer, for its strides, padding, dilation and groups.
        weight: Integers from -127 to 127 in the shape of the layer's weight, float64.
        bias: Integers of 32 bits `[out]`, float64.
        multipliers: int64 `[out]`.
        shifts: int64 `[out]`.
        limit: 127, or 2^31 - 1 for logits.
    """

    layer: nn.Conv2d | nn.Linear
    weight: Tensor
    bias: Tensor
    multipliers: Tensor
    shifts: Tensor
    limit: int = LARGEST

    def apply(self, values: Tensor) -> Tensor:
        shape = [-1, 1, 1] if isinstance(self.layer, nn.Conv2d) else [-1]
        accumulators = self._products(values) + self.bias.view(shape)
        results = rescaled(accumulators.long(), self.multipliers.view(shape), self.shifts.view(shape))
        return results.clamp(-self.limit, self.limit).double()

    def _products(self, values: Tensor) -> Tensor:
        layer = self.layer
        if isinstance(layer, nn.Linear):
            return functional.linear(values, self.weight)
        return functional.conv2d(values, self.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "bias": [int(value) for value in self.bias],
            "multipliers": self.multipliers.tolist(),
            "shifts": self.shifts.tolist(),
            "limit": self.limit,
        }


@dataclass(frozen=True)
class Plain(Operation):
    """Max-pooling, ReLU, flattening or padding with zeros: the layer itself, which returns some of its input values.

    Attributes:
        layer: The layer.
    """

    layer: nn.Module

    def apply(self, values: Tensor) -> Tensor:
        result: Tensor = self.layer(values)
        return result

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "kind": type(self.layer).__name__.lower()}


@dataclass(frozen=True)
class Average(Operation):
    """Average-pooling: the sum of the values in a window, rescaled by the reciprocal of their number.

    Attributes:
        layer: The layer.
        multiplier: The multiplier of the reciprocal.
        shift: Its shift.
    """

    layer: nn.AvgPool2d
    multiplier: int
    shift: int

    def apply(self, values: Tensor) -> Tensor:
        layer = self.layer
        sums = functional.avg_pool2d(values, layer.kernel_size, layer.stride, layer.padding, divisor_override=1)
        return rescaled(sums.long(), torch.tensor(self.multiplier), torch.tensor(self.shift)).double()

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "multiplier": self.multiplier, "shift": self.shift}


@dataclass(frozen=True)
class Lookup(Operation):
    """Tanh or sigmoid: a table of the results for -127 to 127.

    Attributes:
        table: Integers `[255]`, float64. The result for `value` is at the index `value + 127`.
    """

    table: Tensor

    def apply(self, values: Tensor) -> Tensor:
        return self.table[(values + LARGEST).long()]

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "table": [int(value) for value in self.table]}
