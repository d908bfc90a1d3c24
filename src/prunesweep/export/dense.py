"""`safetensors`: every weight, the pruned ones as zeros, under the network's own parameter names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from prunesweep.chain.state import State
from prunesweep.export.description import KEY, Description


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the weights of `model`."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path, metadata(description))


def load(path: Path, description: Description, trust: bool) -> nn.Module:
    """The network of the file at `path`."""
    return rebuilt(load_file(path), path, description, trust)


def metadata(description: Description) -> dict[str, str]:
    """The description as a safetensors file carries it."""
    return {KEY: description.dumps()}


def rebuilt(tensors: Mapping[str, Tensor], path: Path, description: Description, trust: bool) -> nn.Module:
    """The described network with the weights `tensors` of the file at `path`, computing exactly as it does in a run."""
    return description.context(path, trust=trust).network(State(weights=tensors)).eval()
