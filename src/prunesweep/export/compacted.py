"""`compact`: the network without its pruned channels, physically smaller, in a safetensors file.

The sizes of the layers are those of the stored tensors. Everything else is taken from the described network.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunesweep.export.description import Description
from prunesweep.export.invalid import InvalidFile
from prunesweep.export.protocol import Executes, Format
from prunesweep.export.rebuild import check_names, check_tensor, fill, structure
from prunesweep.export.tensor_file import SAFETENSORS, pack, unpack
from prunesweep.models.tensors import own_tensors
from prunesweep.pruning.compact import compact


def save(model: nn.Module, description: Description) -> bytes:
    """Return a file with the weights of `model` without its pruned channels."""
    channels, height, width = description.shape
    kept = {name: parameter.detach() != 0 for name, parameter in model.named_parameters()}
    return pack(own_tensors(compact(model, kept, (channels, height, width))))


def load(content: bytes, description: Description) -> nn.Module:
    """Return the network in a file."""
    tensors = unpack(content)
    return fill(resize(structure(description), tensors), tensors, description.layout)


def resize(model: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Resize the convolutions, linear layers and batch normalizations of `model` in place to fit `tensors`.

    Args:
        model: The dense network.
        tensors: Tensors by the parameter and buffer names of `model`.

    Returns:
        `model`, whose resized parameters are uninitialized.

    Raises:
        InvalidFile: Channels cannot be removed from `model` so that its tensors have these types and shapes.
    """
    check_names(tensors, model)
    for name, expected in own_tensors(model).items():
        check_tensor(name, tensors[name], expected.dtype, _without_channels(tensors[name], expected))
    for name, layer in list(model.named_modules()):
        weight = tensors.get(f"{name}.weight")
        if weight is None:
            continue
        if isinstance(layer, nn.Conv2d):
            layer.in_channels, layer.out_channels = weight.shape[1] * layer.groups, weight.shape[0]
        elif isinstance(layer, nn.Linear):
            layer.out_features, layer.in_features = weight.shape
        elif isinstance(layer, _BatchNorm):
            layer.num_features = len(weight)
        for role, parameter in list(layer.named_parameters(recurse=False)):
            setattr(layer, role, nn.Parameter(parameter.new_empty(tensors[f"{name}.{role}"].shape)))
        for role, _ in list(layer.named_buffers(recurse=False)):
            setattr(layer, role, tensors[f"{name}.{role}"].clone())
        for key, value in layer.named_parameters(prefix=name, recurse=False):
            if len(value) != len(weight):
                raise InvalidFile(f"has {len(weight)} channels in {name}.weight, but {len(value)} in {key}")
    return model


def _without_channels(tensor: Tensor, dense: Tensor) -> list[int]:
    """Return the shape of `tensor` if it is that of `dense` without some channels, otherwise the shape of `dense`.

    Channels are the first two dimensions. The others are the kernel, which keeps its size.
    """
    smaller = tensor.dim() == dense.dim() and all(
        1 <= size <= whole if dimension < 2 else size == whole
        for dimension, (size, whole) in enumerate(zip(tensor.shape, dense.shape, strict=True))
    )
    return list(tensor.shape if smaller else dense.shape)


FORMAT = Format(
    "compact",
    ".compact.safetensors",
    exact=False,
    executes=Executes.NETWORK,
    container=SAFETENSORS,
    save=save,
    load=load,
)
