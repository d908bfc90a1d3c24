"""The state of a run between two steps, and what brings it to life: a network and an optimizer that carry it.

No global random state: whatever is drawn comes from a seed that the chain gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from prunesweep.chain.seeding import drawing_from
from prunesweep.chain.state import State
from prunesweep.data.datasets import Data, load
from prunesweep.data.settings import CLASSES, Dataset
from prunesweep.models.settings import Model


def _nowhere(position: int) -> State:
    raise LookupError(f"no chain is under way whose step {position} could be recalled")


@dataclass(frozen=True)
class Context:
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
        model = self.fresh()
        model.load_state_dict(dict(state.weights))
        return model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
