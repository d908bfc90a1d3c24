"""The state of a run between two steps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from torch import Tensor, nn, optim

from prunesweep.files import canonical

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class State:
    """The state after a step, without anything that can be recomputed. All tensors are contiguous.

    Attributes:
        weights: The network's parameters and buffers by name. Exactly zero where a mask is false.
        masks: Parameter name -> boolean mask of its shape, true where the weight is kept.
        optimizer: `conv1.weight/momentum_buffer` -> tensor.
        dense: While pruned weights may return, parameter name -> its values including those under the mask. While
            weights have gates, its values before the gates.
        movement: With a criterion that needs it, parameter name -> the sum of -w g over the training steps so far.
        gates: While weights have gates, parameter name -> the parameters of its gates.
    """

    weights: Tensors = field(default_factory=dict)
    masks: Tensors = field(default_factory=dict)
    optimizer: Tensors = field(default_factory=dict)
    dense: Tensors = field(default_factory=dict)
    movement: Tensors = field(default_factory=dict)
    gates: Tensors = field(default_factory=dict)

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors under one flat name each, as a state is stored."""
        return {f"{part.name}/{key}": value for part in fields(self) for key, value in getattr(self, part.name).items()}

    @classmethod
    def of(cls, tensors: Tensors) -> State:
        """Return the state with the given `tensors()`."""
        parts: dict[str, dict[str, Tensor]] = {part.name: {} for part in fields(cls)}
        for name, tensor in tensors.items():
            part, _, key = name.partition("/")
            parts[part][key] = tensor
        return cls(**parts)

    @property
    def sparsity(self) -> float:
        """Pruned weights as a fraction of the masked tensors; 0 without masks."""
        total = sum(mask.numel() for mask in self.masks.values())
        return sum(int((~mask).sum()) for mask in self.masks.values()) / total if total else 0.0


def masked(state: State) -> State:
    """Return `state` with exact zeros under its masks, in the weights and in the optimizer's state."""

    def zeroed(parameter: str, tensor: Tensor) -> Tensor:
        mask = state.masks.get(parameter)
        return tensor if mask is None or mask.shape != tensor.shape else tensor.masked_fill(~mask, 0)

    weights = {name: zeroed(name, tensor) for name, tensor in state.weights.items()}
    if state.dense:  # pruned weights keep their momentum, so that they can return
        return replace(state, weights=weights)
    optimizer = {key: zeroed(key.rpartition("/")[0], tensor) for key, tensor in state.optimizer.items()}
    return replace(state, weights=weights, optimizer=optimizer)


def contiguous(tensors: Tensors) -> dict[str, Tensor]:
    """Return copies in the contiguous layout, so that states from memory and from disk have the same bits."""
    return {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}


def captured(optimizer: optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """Return the state of `optimizer` by the names of the parameters of `model`, as `restore` expects it."""
    named = {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }
    return contiguous(named)


def restore(optimizer: optim.Optimizer, model: nn.Module, tensors: Tensors) -> None:
    """Copy the state returned by `captured` into a new `optimizer` of the parameters of `model`."""
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        parameter_name, _, key = name.rpartition("/")
        parameter = parameters[parameter_name]
        # The fused update needs the layout of the parameter.
        copy = torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor.clone()
        optimizer.state[parameter][key] = copy


def tensor_hash(tensors: Tensors) -> str:
    """Return the SHA-256 of names, types, shapes and bits, independent of order and layout; masks as packed bits."""
    result = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        array = np.ascontiguousarray(tensor.detach().cpu().numpy())
        result.update(canonical([name, str(array.dtype), list(array.shape)]))
        result.update((np.packbits(array) if array.dtype == np.bool_ else array).tobytes())
    return result.hexdigest()
