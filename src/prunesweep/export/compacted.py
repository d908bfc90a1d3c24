"""`compact`: the network without its pruned channels, physically smaller, in a safetensors file.

The sizes of the layers are those of the stored tensors. Everything else is taken from the described network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunesweep.export import dense
from prunesweep.export.description import Description
from prunesweep.export.protocol import Executes, Format
from prunesweep.pruning.compact import compact


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the weights of `model` without its pruned channels."""
    channels, height, width = description.shape
    kept = {name: parameter.detach() != 0 for name, parameter in model.named_parameters()}
    dense.save(compact(model, kept, (channels, height, width)), path, description)


def load(path: Path, description: Description) -> nn.Module:
    """Return the network in the file at `path`."""
    tensors = load_file(path)
    model = resize(description.context().template(), tensors)
    model.load_state_dict(tensors)
    return model.eval()


def resize(model: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Resize the convolutions, linear layers and batch normalizations of `model` in place to fit `tensors`.

    Args:
        model: The dense network.
        tensors: Tensors by the parameter and buffer names of `model`.

    Returns:
        `model`, whose resized parameters are uninitialized.
    """
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
    return model


FORMAT = Format("compact", ".compact.safetensors", exact=False, executes=Executes.NETWORK, save=save, load=load)
