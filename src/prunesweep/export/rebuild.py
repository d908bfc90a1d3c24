"""Build a described network from the tensors of a file, which may come from other people.

The settings of a built-in network do not allocate memory. Its size is that of the tensors in the file.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from prunesweep.chain.seeding import drawing_from
from prunesweep.config import option
from prunesweep.data.layout import LAYOUTS
from prunesweep.export.description import Description
from prunesweep.export.invalid import InvalidFile
from prunesweep.models.build import build
from prunesweep.models.settings import CustomModel
from prunesweep.models.tensors import load_tensors, own_tensors


def structure(description: Description) -> nn.Module:
    """Return the described network, of which only the structure matters. A custom network is executed code."""
    model = option("model", description.model)
    shape = (description.shape[0], description.shape[1], description.shape[2])
    if isinstance(model, CustomModel):
        with drawing_from(0, "cpu"):
            return build(model, shape, description.classes)
    with torch.device("meta"):  # shapes without memory: a file may describe a network of any size
        return build(model, shape, description.classes)


def rebuild(tensors: Mapping[str, Tensor], description: Description) -> nn.Module:
    """Return the described network with the weights `tensors`. It computes exactly what it computed in its run.

    Raises:
        InvalidFile: The tensors are not those of the network.
    """
    model = structure(description)
    check_names(tensors, model)
    for name, expected in own_tensors(model).items():
        check_tensor(name, tensors[name], expected.dtype, list(expected.shape))
    return fill(model, tensors, description.layout)


def fill(model: nn.Module, tensors: Mapping[str, Tensor], layout: str) -> nn.Module:
    """Return `model` with the weights `tensors`, in evaluation mode and in the layout of its run."""
    load_tensors(model, tensors, assign=True)
    return model.eval().to(memory_format=LAYOUTS[layout])


def check_names(tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Check that `tensors` has the names of the parameters and buffers of `model`.

    Raises:
        InvalidFile: A tensor is missing or does not belong to the network.
    """
    expected = own_tensors(model).keys()
    for fault, names in (("does not have", expected - tensors.keys()), ("has", tensors.keys() - expected)):
        if names:
            relation = "needs" if fault == "does not have" else "does not have"
            raise InvalidFile(f"{fault} the tensor {min(names)}, which the described network {relation}")


def check_tensor(name: str, tensor: Tensor, dtype: torch.dtype, shape: list[int]) -> None:
    """Check the type and the shape of a tensor.

    Raises:
        InvalidFile: The tensor has another type or shape.
    """
    if tensor.dtype != dtype or list(tensor.shape) != shape:
        raise InvalidFile(
            f"has a tensor {name} of type {tensor.dtype} and shape {list(tensor.shape)}, but the described network "
            f"needs {dtype} and {shape}"
        )
