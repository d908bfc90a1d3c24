"""The layers of a network that is a chain: each layer has one input, the output of the layer before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from prunesweep.errors import UsageError

NamedLayer = tuple[str, nn.Module]

FUNCTIONS: dict[Any, Callable[..., nn.Module]] = {
    torch.relu: nn.ReLU,
    functional.relu: lambda inplace=False: nn.ReLU(),  # noqa: ARG005
    torch.tanh: nn.Tanh,
    torch.sigmoid: nn.Sigmoid,
    torch.flatten: nn.Flatten,
    functional.max_pool2d: nn.MaxPool2d,
    functional.avg_pool2d: nn.AvgPool2d,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "flatten": nn.Flatten,
}
"""Functions, and names of methods of tensors -> the layers that compute the same, from the same arguments."""


def chain_of(model: nn.Module, purpose: str) -> list[NamedLayer]:
    """Return the names and the layers of `model` in the order in which they run.

    Functions in the forward pass of a custom network become layers with the names of their nodes in its graph.

    Args:
        model: A network.
        purpose: The beginning of the message, such as `quantize=int8`.

    Raises:
        UsageError: The network is not a chain, or its forward pass cannot be followed.
    """
    if isinstance(model, nn.Sequential):
        return list(_of_sequential(model))
    try:
        graph = fx.Tracer().trace(model)
    except Exception as error:  # the forward pass is the user's own code
        raise UsageError(
            f"{purpose}: the forward pass of the network cannot be followed ({type(error).__name__}: "
            f"{str(error).partition(chr(10))[0]}). Use torch.nn.Sequential, or layers that run one after the other."
        ) from error
    return list(_of_graph(model, graph, purpose))


def _of_sequential(model: nn.Sequential, prefix: str = "") -> Iterator[NamedLayer]:
    for name, layer in model.named_children():
        if type(layer) is nn.Sequential:
            yield from _of_sequential(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def _of_graph(model: nn.Module, graph: fx.Graph, purpose: str) -> Iterator[NamedLayer]:
    before: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "output":
            if node.args != (before,):
                raise UsageError(f"{purpose}: the network returns more than the output of its last layer.")
            return
        if node.op != "placeholder":
            yield _of_node(model, node, before, purpose)
        elif before is not None:
            raise UsageError(f"{purpose}: the network has more than one input.")
        before = node


def _of_node(model: nn.Module, node: fx.Node, before: fx.Node | None, purpose: str) -> NamedLayer:
    """Return the layer of a node whose only input must be `before`."""
    inputs = list(node.all_input_nodes)
    if inputs != [before] or not node.args or node.args[0] is not before:
        raise UsageError(f"{purpose}: {node.name} does not have the output of the layer before as its only input.")
    if node.op == "call_module":
        name = str(node.target)
        return name, model.get_submodule(name)
    build = FUNCTIONS.get(node.target)
    if build is None:
        raise UsageError(f"{purpose}: the operation {node.name} in the forward pass is not supported.")
    return node.name, build(*node.args[1:], **node.kwargs)
