"""The steps of a run, as frozen dataclasses that know how to apply themselves.

A step is a pure function of the state before it: whatever it draws comes from a seed in its own fields, and whatever
its result depends on is in `describe()`, from which the run's digest is made.
"""

from __future__ import annotations

import hashlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from prunesweep import criteria
from prunesweep.data import CLASSES, Data, Dataset, load
from prunesweep.models import Model
from prunesweep.pruning import Pruning, prune
from prunesweep.training import Optimizer, Score, evaluate, train_epoch

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn, optim

Tensors = Mapping[str, "Tensor"]
Record = dict[str, Any]


class Diverged(ArithmeticError):
    """The training loss is no longer a number."""


@dataclass(frozen=True)
class State:
    """What a step leaves behind, and nothing that can be recomputed. Every tensor is contiguous.

    Attributes:
        weights: the network's own parameters and buffers by name; where a mask is zero, exactly zero.
        masks: parameter name -> boolean mask of its shape, true where the weight is kept.
        optimizer: `conv1.weight/momentum_buffer` -> tensor.
    """

    weights: Tensors = field(default_factory=dict)
    masks: Tensors = field(default_factory=dict)
    optimizer: Tensors = field(default_factory=dict)

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


@dataclass(frozen=True)
class Setting:
    """What a chain runs on: the network's plan, the data, the device (`cpu`, `cuda:0`)."""

    model: Model
    dataset: Dataset
    device: str

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


@dataclass(frozen=True)
class Step(ABC):
    """One link of a chain."""

    version: ClassVar[int] = 1  # raised when a change of the code changes the step's result

    @abstractmethod
    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        """The state after this step, and what there is to tell about it."""

    def describe(self) -> Record:
        """All that the step's result depends on, as plain values."""
        return {"step": type(self).__name__, "version": self.version, **asdict(self)}


@dataclass(frozen=True)
class Init(Step):
    """Builds the network."""

    model: Model
    seed: int

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:  # noqa: ARG002
        with drawing_from(derived_seed(self.seed, "init", 0), setting.device):
            model = setting.build().to(setting.device)
        return State(weights=_contiguous(model.state_dict())), {}

    def describe(self) -> Record:
        return {**super().describe(), "source": self.model.source()}


@dataclass(frozen=True)
class TrainEpoch(Step):
    """One pass over the training split under the current masks; `index` counts the epochs of the run from 0."""

    data: str
    optimizer: Optimizer
    lr: float
    batch_size: int
    index: int
    seed: int

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        seed, data = derived_seed(self.seed, "train", self.index), setting.data
        model = setting.network(state)
        optimizer = self.optimizer.build(model.parameters(), self.lr)
        _restore(optimizer, model, state.optimizer)
        with drawing_from(seed, setting.device):  # for networks that draw, by dropout say
            started = time.perf_counter()
            loss = train_epoch(model, data.train, optimizer, state.masks, self.batch_size, generator_of(seed))
            seconds = time.perf_counter() - started
        if not math.isfinite(loss):
            raise Diverged(
                f"training diverged: the loss of epoch {self.index + 1} is {loss} at a learning rate of {self.lr:g}. "
                "Lower optimizer.lr."
            )
        after = State(_contiguous(model.state_dict()), state.masks, _captured(optimizer, model))
        validation = evaluate(model, data.validation)
        return after, {
            "epoch": self.index + 1,
            "sparsity": state.sparsity,
            "lr": self.lr,
            "train_loss": loss,
            "val_loss": validation.loss,
            "val_accuracy": validation.accuracy,
            "seconds": seconds,
        }


@dataclass(frozen=True)
class Prune(Step):
    """Masks the lowest-scored weights of `layers` up to the fraction `pruning.amount` of them.

    The optimizer starts afresh: momentum from before would move the weights that are gone.
    """

    pruning: Pruning
    layers: tuple[str, ...]
    index: int
    seed: int

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        from torch.nn.utils.prune import custom_from_mask

        generator = generator_of(derived_seed(self.seed, "prune", self.index))
        criterion = criteria.find(self.pruning.criterion, self.pruning.target)
        scores = {name: criterion(state.weights[name].cpu(), generator) for name in self.layers}
        model = setting.fresh()
        model.load_state_dict(dict(state.weights))
        for name, mask in state.masks.items():
            layer, _, role = name.rpartition(".")
            custom_from_mask(model.get_submodule(layer), role, mask.cpu())
        pruned = prune(model, scores, self.pruning.scope, self.pruning.amount)
        masks = {name: mask.bool().to(state.weights[name].device) for name, mask in pruned.items()}
        weights = {
            name: tensor.masked_fill(~masks[name], 0) if name in masks else tensor
            for name, tensor in state.weights.items()
        }
        after = State(weights, {**state.masks, **masks})
        return after, {"sparsity": after.sparsity}

    def describe(self) -> Record:
        return {**super().describe(), "source": self.pruning.source()}


@dataclass(frozen=True)
class Evaluate(Step):
    """Scores a state on the validation and the test split. It changes nothing, so no other step follows it."""

    data: str

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        model = setting.network(state)
        scores: dict[str, Score] = {
            "val": evaluate(model, setting.data.validation),
            "test": evaluate(model, setting.data.test),
        }
        return State(), {f"{split}_{key}": value for split, score in scores.items() for key, value in asdict(score).items()}


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


def _contiguous(tensors: Tensors) -> dict[str, Tensor]:
    """Copies in the plain layout: a state read from disk and one handed over in memory must be the same bits."""
    import torch

    return {
        name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }


def _captured(optimizer: optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    named = {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }
    return _contiguous(named)


def _restore(optimizer: optim.Optimizer, model: nn.Module, tensors: Tensors) -> None:
    import torch

    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        parameter_name, _, key = name.rpartition("/")
        parameter = parameters[parameter_name]
        # In the layout of its parameter, which the optimizer's fast path asks for.
        copy = torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor.clone()
        optimizer.state[parameter][key] = copy
