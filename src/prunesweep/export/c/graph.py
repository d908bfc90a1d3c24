"""The layers of a torch module, from the graph of its operations. Everything that C files cannot contain is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.fx import Node

from prunesweep.errors import UsageError, printable
from prunesweep.export.c.layers import (
    Activation,
    Array,
    Conv,
    Layer,
    Linear,
    Padding,
    Pair,
    Pool,
    Scale,
    Shape,
    grouped,
)

SUPPORTED = (
    "convolution (2d), linear, batch normalization, max and average pooling (2d), ReLU, tanh, sigmoid, zero padding "
    "before a convolution, flatten and dropout, one after the other"
)


class NotSupported(UsageError):
    """A layer cannot be exported. The message names it."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(
            f"--format=c: {printable(name)} ({printable(kind)}) cannot be exported. Supported are {SUPPORTED}."
        )


def layers_of(model: nn.Module, shape: Shape) -> list[Layer]:
    """Return the layers of `model` in the order in which they run.

    Args:
        model: The network in evaluation mode, on the CPU.
        shape: Channels, height and width of an image.

    Raises:
        NotSupported: An operation is not supported, or does not continue with the result of the one before it.
        UsageError: A weight is not finite.
    """
    with torch.no_grad():
        program = torch.export.export(model, (torch.zeros(1, *shape),))
    stored = {**program.state_dict, **program.constants}
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    names.update(signature.inputs_to_lifted_tensor_constants)
    tensors = {node: stored[names[node.name]] for node in program.graph.nodes if node.name in names}
    for node, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise UsageError(f"--format=c: {printable(names[node.name])} contains numbers that are not finite.")
    return list(_read(list(program.graph.nodes), tensors))


def _read(nodes: list[Node], tensors: dict[Node, torch.Tensor]) -> Iterator[Layer]:
    last = next(node for node in nodes if node.op == "placeholder" and node not in tensors)
    for node in nodes:
        if node.op == "output":
            if node.args[0] != (last,):
                raise NotSupported("the output of the network", "not the result of its last layer")
        elif node.op != "placeholder":
            reader = READERS.get(operation_of(node))
            if reader is None:
                raise NotSupported(place_of(node), operation_of(node))
            if not {last}.issubset(node.args[:1]) or not {last, *tensors}.issuperset(node.all_input_nodes):
                raise NotSupported(place_of(node), f"{operation_of(node)} of several results, or of an earlier one")
            layer = reader(_Arguments(node, tensors))
            if layer is not None:
                yield layer
            last = node


def place_of(node: Node) -> str:
    """Return the name and the class of the module in which `node` was traced."""
    modules = list(node.meta.get("nn_module_stack", {}).values())
    name, kind = modules[-1] if modules else ("", "")
    kind = getattr(kind, "__name__", str(kind).rpartition(".")[2])
    return f"{name}: {kind}" if name else "the network's own operation"


def operation_of(node: Node) -> str:
    """Return the name of the operation, without the mark of operations in place."""
    target = node.target
    packet = target.overloadpacket if isinstance(target, torch._ops.OpOverload) else target
    return str(getattr(packet, "__name__", packet)).rstrip("_")


class _Arguments:
    """The arguments of an operation by name, with its defaults."""

    def __init__(self, node: Node, tensors: dict[Node, torch.Tensor]) -> None:
        target: Any = node.target
        self.node, self.tensors = node, tensors
        self.name = str(next(reversed(node.meta.get("nn_module_stack", {}).values()), ("",))[0]) or node.name
        self.values = {
            argument.name: node.args[index]
            if index < len(node.args)
            else node.kwargs.get(argument.name, argument.default_value)
            for index, argument in enumerate(target._schema.arguments)
        }

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    def array(self, name: str) -> Array | None:
        """Return the tensor of the argument `name` in float64, or None."""
        value = self[name]
        return None if value is None else self.tensors[value].detach().double().numpy()

    def pair(self, name: str) -> Pair | None:
        """Return the argument `name` as a vertical and a horizontal number, or None if it is empty."""
        value = self[name]
        numbers = list(value) if isinstance(value, list | tuple) else [value]
        if not numbers or numbers[0] is None:
            return None
        return (numbers[0], numbers[-1])

    def needs(self, condition: bool, kind: str) -> None:
        if not condition:
            raise NotSupported(place_of(self.node), kind)

    @property
    def input_shape(self) -> list[int]:
        """The shape of the first argument, for one image."""
        return list(self.node.args[0].meta["val"].shape)  # type: ignore[union-attr]

    @property
    def shape(self) -> list[int]:
        """The shape of the result, for one image."""
        return list(self.node.meta["val"].shape)


def _conv(arguments: _Arguments) -> Conv:
    weight = arguments.array("weight")
    assert weight is not None
    dilation = arguments.pair("dilation") or (1, 1)
    full, connected = grouped(weight, arguments["groups"] or 1)
    bias = arguments.array("bias")
    return Conv(
        arguments.name,
        full,
        connected,
        np.zeros(len(weight)) if bias is None else bias,
        arguments.pair("stride") or (1, 1),
        _conv_padding(arguments, weight.shape[2:], dilation),
        dilation,
    )


def _conv_padding(arguments: _Arguments, kernel: tuple[int, ...], dilation: Pair) -> tuple[int, int, int, int]:
    if arguments["padding"] == "valid":
        return (0, 0, 0, 0)
    if arguments["padding"] == "same":
        high, wide = (step * (size - 1) for step, size in zip(dilation, kernel, strict=True))
        return (high // 2, high - high // 2, wide // 2, wide - wide // 2)
    vertical, horizontal = arguments.pair("padding") or (0, 0)
    return (vertical, vertical, horizontal, horizontal)


def _linear(arguments: _Arguments) -> Linear:
    arguments.needs(len(arguments.input_shape) == 2, "linear without flatten before it")
    weight, bias = arguments.array("weight"), arguments.array("bias")
    assert weight is not None
    return Linear(arguments.name, weight, np.zeros(len(weight)) if bias is None else bias)


def _batch_norm(arguments: _Arguments) -> Scale:
    mean, variance = arguments.array("running_mean"), arguments.array("running_var")
    arguments.needs(mean is not None and not arguments["training"], "batch normalization without running statistics")
    assert mean is not None
    assert variance is not None
    weight, bias = arguments.array("weight"), arguments.array("bias")
    factor = (1 if weight is None else weight) / np.sqrt(variance + arguments["eps"])
    return Scale(arguments.name, factor, (0 if bias is None else bias) - mean * factor)


def _max_pool(arguments: _Arguments) -> Pool:
    kernel = arguments.pair("kernel_size")
    assert kernel is not None
    return Pool(
        arguments.name,
        "max",
        kernel,
        arguments.pair("stride") or kernel,
        arguments.pair("padding") or (0, 0),
        _size(arguments),
        arguments.pair("dilation") or (1, 1),
    )


def _average_pool(arguments: _Arguments) -> Pool:
    kernel = arguments.pair("kernel_size")
    assert kernel is not None
    arguments.needs(arguments["divisor_override"] is None, "average pooling with divisor_override")
    return Pool(
        arguments.name,
        "average",
        kernel,
        arguments.pair("stride") or kernel,
        arguments.pair("padding") or (0, 0),
        _size(arguments),
        counts_padding=arguments["count_include_pad"],
    )


def _adaptive_pool(arguments: _Arguments) -> Pool:
    before, after = arguments.input_shape[-2:], arguments.shape[-2:]
    equal = all(size % parts == 0 for size, parts in zip(before, after, strict=True))
    arguments.needs(equal, "adaptive pooling with windows of several sizes")
    kernel = (before[0] // after[0], before[1] // after[1])
    return Pool(arguments.name, "average", kernel, kernel, (0, 0), _size(arguments))


def _size(arguments: _Arguments) -> Pair:
    height, width = arguments.shape[-2:]
    return height, width


def _activation(arguments: _Arguments) -> Activation:
    return Activation(arguments.name, operation_of(arguments.node))


def _padding(arguments: _Arguments) -> Padding:
    pad, value = list(arguments["pad"]), arguments["value"] or 0
    arguments.needs((arguments["mode"] or "constant") == "constant" and value == 0, "padding with other than zeros")
    arguments.needs(len(pad) in (2, 4) and min(pad) >= 0 and len(arguments.input_shape) == 4, "padding of other sides")
    left, right, top, bottom = [*pad, 0, 0][:4]
    return Padding(arguments.name, (top, bottom, left, right))


def _reshape(arguments: _Arguments) -> None:
    before, after = arguments.input_shape, arguments.shape
    flat = len(after) == 2 and after[0] == 1
    arguments.needs(flat or before == after, f"reshape to {after}")


def _identity(arguments: _Arguments) -> None:
    arguments.needs(not arguments["train"], "dropout in training mode")


READERS: dict[str, Callable[[_Arguments], Layer | None]] = {
    "conv2d": _conv,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "max_pool2d": _max_pool,
    "avg_pool2d": _average_pool,
    "adaptive_avg_pool2d": _adaptive_pool,
    "relu": _activation,
    "tanh": _activation,
    "sigmoid": _activation,
    "pad": _padding,
    "constant_pad_nd": _padding,
    "flatten": _reshape,
    "view": _reshape,
    "reshape": _reshape,
    "squeeze": _reshape,
    "dropout": _identity,
    "feature_dropout": _identity,
    "alpha_dropout": _identity,
    "contiguous": _identity,
    "clone": _identity,
    "detach": _identity,
}
"""Name of an operation -> the function that returns its layer."""
