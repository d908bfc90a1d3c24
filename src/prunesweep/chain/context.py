"""The context in which a chain runs: its network, its data and its device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from prunesweep.chain.seeding import derived_seed, drawing_from
from prunesweep.chain.state import State
from prunesweep.data.datasets import Data, Facts, facts, load
from prunesweep.data.layout import LAYOUTS
from prunesweep.data.settings import Dataset
from prunesweep.errors import UsageError
from prunesweep.models.build import build
from prunesweep.models.settings import Model, Shape
from prunesweep.models.tensors import load_tensors
from prunesweep.models.trial import Traits, traits
from prunesweep.models.weights import read_weights
from prunesweep.pruning.paths import Wiring
from prunesweep.pruning.wiring import trace


def _no_chain(position: int) -> State:
    raise LookupError(f"No active chain can recall step {position}.")


def _no_record(position: int) -> Mapping[str, Any]:
    raise LookupError(f"No active chain has a record of step {position}.")


@dataclass(frozen=True)
class Context:
    """What the steps of a chain run on.

    Attributes:
        model: Settings of the network.
        dataset: Settings of the data.
        device: `cpu`, `cuda:0`, ...
        recall: Returns the state after an earlier step of the active chain, by its position.
        recorded: Returns the record of such a step.
    """

    model: Model
    dataset: Dataset
    device: str
    recall: Callable[[int], State] = _no_chain
    recorded: Callable[[int], Mapping[str, Any]] = _no_record

    @property
    def data(self) -> Data:
        """The data on the device, in the layout of the network, loaded on first use."""
        return load(self.dataset, self.device, self.traits.layout)

    @property
    def facts(self) -> Facts:
        """What the data is like: the shape of an image, the classes, the normalization."""
        return facts(self.dataset)

    @property
    def shape(self) -> Shape:
        """Channels, height and width of an image."""
        return self.facts.shape

    @property
    def traits(self) -> Traits:
        """How the network must be run."""
        return traits(self.model, self.shape, len(self.facts.classes))

    @cached_property
    def wiring(self) -> Wiring:
        """Which units of the network read which."""
        return trace(self.template(), self.shape)

    def build(self) -> nn.Module:
        """Return a newly initialized network on the CPU. Draws from torch's global random state."""
        return build(self.model, self.shape, len(self.facts.classes))

    def initial(self, seed: int, kind: str = "init", index: int = 0) -> nn.Module:
        """Return a network on the CPU whose initialization is drawn from `seed`, the `kind` of step and its index."""
        with drawing_from(derived_seed(seed, kind, index), self.device):
            return self.build()

    def start(self, seed: int) -> nn.Module:
        """Return the network on the CPU from which a run with this seed starts: the given weights, or `initial`.

        Raises:
            UsageError: The given weights cannot be read or are not those of the network.
        """
        network = self.initial(seed)
        if self.model.weights:
            load_tensors(network, read_weights(self.model.weights, network))
        return network

    def template(self) -> nn.Module:
        """Return a network on the CPU of which only the structure matters."""
        with drawing_from(0, self.device):
            return self.build()

    def network(self, state: State) -> nn.Module:
        """Return the network with the weights of `state` on the device, in its layout and in evaluation mode.

        Raises:
            UsageError: The names or shapes of the weights are not those of the network.
        """
        model = self.template()
        try:
            load_tensors(model, state.weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UsageError(
                f"model={self.model.name}: the weights are not those of the network ({reason}). If they come from the "
                "store, other code or another person wrote its entry: use another store.dir, or store.enabled=false."
            ) from error
        return model.eval().to(self.device, memory_format=LAYOUTS[self.traits.layout])  # type: ignore[call-overload,no-any-return]
