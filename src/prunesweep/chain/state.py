"""The state of a run between two steps, and what brings it to life: a network and an optimizer that carry it.

No global random state: whatever is drawn comes from a seed that the chain gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor, nn, optim

Tensors = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class State:
    """What a step leaves behind, and nothing that can be recomputed. Every tensor is contiguous.

    Attributes:
        weights: the network's own parameters and buffers by name; where a mask is zero, exactly zero.
        masks: parameter name -> boolean mask of its shape, true where the weight is kept.
        optimizer: `conv1.weight/momentum_buffer` -> tensor.
        dense: while pruned weights may grow back, parameter name -> its values under the mask too.
    """

    weights: Tensors = field(default_factory=dict)
    masks: Tensors = field(default_factory=dict)
    optimizer: Tensors = field(default_factory=dict)
    dense: Tensors = field(default_factory=dict)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under one flat name each: the form in which a state is stored."""
        return {f"{part.name}/{key}": value for part in fields(self) for key, value in getattr(self, part.name).items()}

    @classmethod
    def of(cls, tensors: Tensors) -> State:
        """The state whose `tensors()` these are."""
        parts: dict[str, dict[str, Tensor]] = {part.name: {} for part in fields(cls)}
        for name, tensor in tensors.items():
            part, _, key = name.partition("/")
            parts[part][key] = tensor
        return cls(**parts)

    @property
    def sparsity(self) -> float:
        """Pruned weights as a fraction of the masked tensors; 0 where nothing has been pruned yet."""
        total = sum(mask.numel() for mask in self.masks.values())
        return sum(int((~mask).sum()) for mask in self.masks.values()) / total if total else 0.0


def masked(state: State) -> State:
    """`state` with exact zeros under its masks: in the weights, and in what the optimizer would move them by."""

    def zeroed(parameter: str, tensor: Tensor) -> Tensor:
        mask = state.masks.get(parameter)
        return tensor if mask is None or mask.shape != tensor.shape else tensor.masked_fill(~mask, 0)

    held = (
        state.optimizer
        if state.dense
        else {key: zeroed(key.rpartition("/")[0], tensor) for key, tensor in state.optimizer.items()}
    )
    weights = {name: zeroed(name, tensor) for name, tensor in state.weights.items()}
    return replace(state, weights=weights, optimizer=held)


def contiguous(tensors: Tensors) -> dict[str, Tensor]:
    """Copies in the plain layout: a state read from disk and one handed over in memory must be the same bits."""
    return {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}


def captured(optimizer: optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The state of `optimizer`, by the names of the parameters of `model`: what `restore` takes."""
    named = {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }
    return contiguous(named)


def restore(optimizer: optim.Optimizer, model: nn.Module, tensors: Tensors) -> None:
    """Put copies of what `captured` gave into a fresh `optimizer` of the parameters of `model`."""
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        parameter_name, _, key = name.rpartition("/")
        parameter = parameters[parameter_name]
        # In the layout of its parameter, which the optimizer's fast path asks for.
        copy = torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor.clone()
        optimizer.state[parameter][key] = copy
