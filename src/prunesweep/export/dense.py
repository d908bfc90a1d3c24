"""`safetensors`: all weights, including zeros, under the network's own parameter names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from prunesweep.chain.state import State
from prunesweep.export.description import KEY, Description
from prunesweep.export.protocol import Executes, Format


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the weights of `model`."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path, metadata(description))


def load(path: Path, description: Description) -> nn.Module:
    """Return the network in the file at `path`."""
    return rebuild(load_file(path), description)


def metadata(description: Description) -> dict[str, str]:
    """Return the metadata of a safetensors file that contains the description."""
    return {KEY: description.dumps()}


def rebuild(tensors: Mapping[str, Tensor], description: Description) -> nn.Module:
    """Return the described network with the weights `tensors`. It computes exactly what it computed in its run."""
    return description.context().network(State(weights=tensors)).eval()


FORMAT = Format("safetensors", ".safetensors", exact=True, executes=Executes.NETWORK, save=save, load=load)
