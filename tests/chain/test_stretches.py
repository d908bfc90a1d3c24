import pytest
import torch
from chains import CONTEXT, initial_state
from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, TrainEpoch
from prunesweep.chain.stretches import Stretch, train_in_stretches
from prunesweep.training.settings import SGD

EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=3, seed=0)
EXAMPLES = 3_500
"""Training images of `mnist5k`: seven batches."""


def test_all_batches_are_trained_once_and_the_masks_change_after_each_part() -> None:
    trained: list[Tensor] = []
    stretches: list[Stretch] = []

    def train(batches: tuple[Tensor, ...], state: State, context: Context, seed: int) -> tuple[State, float, float]:
        trained.extend(batches)
        return state, 700.0, 0.5

    def change(state: State, context: Context, stretch: Stretch) -> tuple[State, Record]:
        stretches.append(stretch)
        return state, {"changes": len(stretches)}

    state = initial_state()
    after, record = train_in_stretches(EPOCH, 3, state, CONTEXT, train, change)
    assert after is state
    assert torch.cat(trained).sort().values.tolist() == list(range(EXAMPLES))
    assert [(each.begin, each.end) for each in stretches] == [(0, 3 / 7), (3 / 7, 6 / 7), (6 / 7, 1)]
    assert {each.steps for each in stretches} == {7}
    assert len({each.seed for each in stretches}) == 3
    assert (record["epoch"], record["changes"], record["seconds"]) == (4, 3, 1.5)
    assert record["train_loss"] == pytest.approx(3 * 700 / EXAMPLES)
