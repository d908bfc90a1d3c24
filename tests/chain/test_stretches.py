from dataclasses import dataclass, field

import pytest
import torch
from chains import CONTEXT, initial_state
from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record
from prunesweep.chain.stretches import Stretch, StretchedEpoch
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.training.settings import SGD

EXAMPLES = 3_500
"""Training images of `mnist5k`: seven batches."""


@dataclass(frozen=True)
class Recording(StretchedEpoch):
    """An epoch that trains nothing and records what it is asked to do."""

    trained: list[Tensor] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)

    def train_part(
        self, batches: tuple[Tensor, ...], state: State, context: Context, seed: int
    ) -> tuple[State, float, float]:
        self.trained.extend(batches)
        return state, 700.0, 0.5

    def set_masks(self, state: State, context: Context, stretch: Stretch) -> tuple[State, Record]:
        self.stretches.append(stretch)
        return state, {"changes": len(self.stretches)}


def test_all_batches_are_trained_once_and_the_masks_change_after_each_part() -> None:
    epoch = Recording(
        "data", SGD(), 0.03, 500, 3, 0, spec=PruneSpec("l1", Fractions(0.5)), layers=(), number=0, of=2, every=3
    )
    state, trained, stretches = initial_state(), epoch.trained, epoch.stretches
    after, record = epoch.apply(state, CONTEXT)
    assert after is state
    assert torch.cat(trained).sort().values.tolist() == list(range(EXAMPLES))
    assert [(each.begin, each.end) for each in stretches] == [(0, 3 / 7), (3 / 7, 6 / 7), (6 / 7, 1)]
    assert {each.steps for each in stretches} == {7}
    assert len({each.seed for each in stretches}) == 3
    assert (record["epoch"], record["changes"], record["seconds"]) == (4, 3, 1.5)
    assert record["train_loss"] == pytest.approx(3 * 700 / EXAMPLES)
