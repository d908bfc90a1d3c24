"""The layers of an integer program, as plain values. What C files cannot contain is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from prunesweep.export.c.graph import NotSupported
from prunesweep.export.c.layers import Activation, Conv, Layer, Linear, Padding, Pair, Pool, Rescale, Shape, grouped
from prunesweep.quantization.integer import IntegerNetwork
from prunesweep.quantization.operations import Affine, Average, Lookup, Operation, Plain


def layers_of_integers(network: IntegerNetwork, shape: Shape) -> Iterator[Layer]:
    """Yield the layers of `network` in the order in which they run, with integers as weights.

    Args:
        network: The integer program.
        shape: Channels, height and width of an image.

    Raises:
        NotSupported: A layer has an input or an output of another number of dimensions than C files have.
    """
    values = torch.zeros(1, *shape, dtype=torch.float64)
    for operation in network.operations:
        after = operation.apply(values)
        layer = READERS[type(operation)](operation, values, after)
        if layer is not None:
            yield layer
        values = after
    if values.dim() != 2:
        raise NotSupported("the output of the network", f"{values.dim()} dimensions")


def _affine(operation: Affine, before: Tensor) -> Layer:
    layer, weight, bias = operation.layer, operation.weight.numpy(), operation.bias.numpy()
    rescale = Rescale(operation.multipliers.numpy(), operation.shifts.numpy(), operation.limit)
    if isinstance(layer, nn.Linear):
        _needs(operation, "linear without flatten before it", before.dim() == 2)
        return Linear(operation.name, weight, bias, rescale)
    left, right, top, bottom = layer._reversed_padding_repeated_twice
    full, connected = grouped(weight, layer.groups)
    stride, dilation, padding = _pair(layer.stride), _pair(layer.dilation), (top, bottom, left, right)
    return Conv(operation.name, full, connected, bias, stride, padding, dilation, rescale)


def _average(operation: Average, after: Tensor) -> Layer:
    return _pool(operation, "average", operation.layer, after, reciprocal=(operation.multiplier, operation.shift))


def _lookup(operation: Lookup) -> Layer:
    return Activation(operation.name, "table", operation.table.numpy())


def _plain(operation: Plain, before: Tensor, after: Tensor) -> Layer | None:
    layer = operation.layer
    if isinstance(layer, nn.ReLU):
        return Activation(operation.name, "relu")
    if isinstance(layer, nn.MaxPool2d):
        return _pool(operation, "max", layer, after, dilation=_pair(layer.dilation))
    if isinstance(layer, nn.ZeroPad2d):
        left, right, top, bottom = layer.padding
        _needs(operation, "padding of other sides", min(layer.padding) >= 0)
        return Padding(operation.name, (top, bottom, left, right))
    _needs(operation, f"reshape to {list(after.shape)}", after.dim() == 2 or after.shape == before.shape)
    return None


def _pool(operation: Operation, kind: str, layer: nn.MaxPool2d | nn.AvgPool2d, after: Tensor, **more: Any) -> Pool:
    _needs(operation, "pooling of a vector", after.dim() == 4)
    size = (after.shape[2], after.shape[3])
    return Pool(operation.name, kind, _pair(layer.kernel_size), _pair(layer.stride), _pair(layer.padding), size, **more)


def _pair(value: Any) -> Pair:
    """Return a number, or a vertical and a horizontal number, as both."""
    vertical, horizontal = np.broadcast_to(value, 2).tolist()
    return vertical, horizontal


def _needs(operation: Operation, kind: str, condition: bool) -> None:
    if not condition:
        raise NotSupported(operation.name, kind)


READERS: dict[type[Operation], Callable[[Any, Tensor, Tensor], Layer | None]] = {
    Affine: lambda operation, before, _: _affine(operation, before),
    Average: lambda operation, _, after: _average(operation, after),
    Lookup: lambda operation, *_: _lookup(operation),
    Plain: _plain,
}
"""Kind of an operation -> the function that returns its layer, given its input and output for one image."""
