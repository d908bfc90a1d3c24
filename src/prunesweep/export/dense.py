"""`safetensors`: all weights, including zeros, under the network's own parameter names."""

from __future__ import annotations

from torch import nn

from prunesweep.export.description import Description
from prunesweep.export.protocol import Executes, Format
from prunesweep.export.rebuild import rebuild
from prunesweep.export.tensor_file import SAFETENSORS, pack, unpack
from prunesweep.models.tensors import own_tensors


def save(model: nn.Module, _: Description) -> bytes:
    """Return a file with the weights of `model`."""
    return pack(own_tensors(model))


def load(content: bytes, description: Description) -> nn.Module:
    """Return the network in a file."""
    return rebuild(unpack(content), description)


FORMAT = Format(
    "safetensors", ".safetensors", exact=True, executes=Executes.NETWORK, container=SAFETENSORS, save=save, load=load
)
