"""The state of a run between two steps, and what brings it to life: a network and an optimizer that carry it.

No global random state: whatever is drawn comes from a seed that the chain gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from prunesweep.data import CLASSES, Data, Dataset, load
from prunesweep.models import Model

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn, optim

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


def _nowhere(position: int) -> State:
    raise LookupError(f"no chain is under way whose step {position} could be recalled")


@dataclass(frozen=True)
class Setting:
    """What a chain runs on: the network's plan, the data, the device (`cpu`, `cuda:0`).

    `recall` gives the state after an earlier step of the chain under way, by its position.
    """

    model: Model
    dataset: Dataset
    device: str
    recall: Callable[[int], State] = _nowhere

    @property
    def data(self) -> Data:
        """The data on the device; read on first use."""
        return load(self.dataset, self.device)

    def build(self) -> nn.Module:
        """A freshly initialised network, on the CPU. Draws from torch's global random state."""
        return self.model.build(self.dataset.shape, CLASSES)

    def fresh(self) -> nn.Module:
        """A network of which only the structure matters, on the CPU. Leaves the random state as it was."""
        with drawing_from(0, self.device):
            return self.build()

    def network(self, state: State) -> nn.Module:
        """The network with the weights of `state`, on the device, channels last."""
        import torch

        model = self.fresh()
        model.load_state_dict(dict(state.weights))
        return model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def derived_seed(seed: int, kind: str, index: int) -> int:
    """The seed of one step: drawn from the chain, never from wherever a generator happened to be."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{kind}/{index}".encode()).digest()[:8], "big") >> 1


def generator_of(seed: int) -> Generator:
    """A generator on the CPU, whatever the device: the same order of examples everywhere."""
    import torch

    return torch.Generator().manual_seed(seed)


@contextmanager
def drawing_from(seed: int, device: str) -> Iterator[None]:
    """Torch's global random state seeded within, and as it was before afterwards."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield


def contiguous(tensors: Tensors) -> dict[str, Tensor]:
    """Copies in the plain layout: a state read from disk and one handed over in memory must be the same bits."""
    import torch

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
    import torch

    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        parameter_name, _, key = name.rpartition("/")
        parameter = parameters[parameter_name]
        # In the layout of its parameter, which the optimizer's fast path asks for.
        copy = torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor.clone()
        optimizer.state[parameter][key] = copy
