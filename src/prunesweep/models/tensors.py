"""The parameters and buffers of a network, each once, under its first name.

A network can reach one tensor under several names: a layer that is also an element of a list, or tied weights. Such a
tensor is one tensor here. It is pruned, counted, stored and saved once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # settings import this module, and they must not import torch
    from torch import Tensor, nn

ROOT = "(network)"
"""The name of the network itself where it is a layer."""


def layer_of(parameter: str) -> str:
    """Return the layer of a parameter: `conv1.weight` -> `conv1`."""
    return parameter.rpartition(".")[0] or ROOT


def parameter_of(layer: str, role: str) -> str:
    """Return the parameter of a layer: `conv1`, `weight` -> `conv1.weight`."""
    return role if layer == ROOT else f"{layer}.{role}"


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return name -> module of each module in `model`, and of `model` itself, in the order of the network."""
    return {name or ROOT: module for name, module in model.named_modules()}


def own_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return first name -> tensor of the parameters and persistent buffers, in the order of the network."""
    tensors = model.state_dict(keep_vars=True)
    return {name: tensors[name] for name in dict.fromkeys(first_names(model).values())}


def load_tensors(model: nn.Module, tensors: Mapping[str, Tensor], *, assign: bool = False) -> None:
    """Set the parameters and buffers of `model` to `tensors`, which have the names of `own_tensors`.

    With `assign`, the tensors themselves become the parameters, instead of being copied.

    Raises:
        RuntimeError: The names or shapes are not those of the network.
    """
    first = first_names(model)
    complete = {name: tensors[kept] for name, kept in first.items() if kept in tensors}
    strangers = {name: tensor for name, tensor in tensors.items() if name not in first.values()}
    if not assign:
        model.load_state_dict({**complete, **strangers})
        return
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    model.load_state_dict({**complete, **strangers}, assign=True)
    for name, kept in first.items():
        if kept != name and name in parameters:  # assigning has made a parameter of its own for each name
            module, _, role = name.rpartition(".")
            setattr(model.get_submodule(module), role, model.get_parameter(kept))


def first_names(model: nn.Module) -> dict[str, str]:
    """Return each name of a parameter or persistent buffer -> the first name of the same tensor."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), name) for name, tensor in model.state_dict(keep_vars=True).items()}
