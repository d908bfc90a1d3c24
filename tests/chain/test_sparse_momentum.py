from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, initial_state
from torch import nn

from prunesweep.chain.sparse_momentum import SparseMomentumEpoch, keep_highest
from prunesweep.chain.state import State
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.training.settings import SGD

PLAIN = SGD(momentum=0.0, nesterov=False, weight_decay=0.1)
LAYERS = ("fc1.weight", "fc3.weight")
TOTAL = 784 * 300 + 1_000
EPOCH = SparseMomentumEpoch("data", PLAIN, 0.5, 10_000, 0, 0, PruneSpec("l1", Fractions(0.9)), LAYERS)


def parameter(values: list[float], gradient: list[float] | None) -> nn.Parameter:
    found = nn.Parameter(torch.tensor(values))
    found.grad = None if gradient is None else torch.tensor(gradient)
    return found


def test_the_gradients_of_the_highest_products_stay_by_hand() -> None:
    # |w g| is 2, 3, 0 and 1, 4.
    one, other = parameter([1.0, -3.0, 5.0], [2.0, 1.0, 0.0]), parameter([1.0, 2.0], [-1.0, 2.0])
    keep_highest([one, other, parameter([9.0], None)], 2)
    assert one.grad is not None
    assert other.grad is not None
    assert one.grad.tolist() == [0, 1, 0]
    assert other.grad.tolist() == [0, 2]


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (3, 3), (9, 3)])
def test_as_many_gradients_stay_as_there_are(count: int, kept: int) -> None:
    one = parameter([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    keep_highest([one], count)
    assert one.grad is not None
    assert int(one.grad.sum()) == kept
    keep_highest([parameter([1.0], None)], 1)


def test_all_weights_decay_and_as_many_as_the_target_keeps_follow_their_gradients() -> None:
    start = initial_state()
    after = EPOCH.apply(start, CONTEXT)[0]  # one optimizer step
    moved = [(after.weights[name] - 0.95 * start.weights[name]).abs() > 2e-8 for name in LAYERS]  # above rounding
    assert sum(int(each.sum()) for each in moved) == pytest.approx(0.1 * TOTAL, rel=0.02)
    # Parameters that are not selected are trained as usual.
    assert ((after.weights["fc2.weight"] - 0.95 * start.weights["fc2.weight"]).abs() > 1e-9).double().mean() > 0.5
    assert after.masks == {}


def test_an_epoch_from_a_stored_state_gives_the_same_bits() -> None:
    from safetensors.torch import load, save

    step = replace(EPOCH, optimizer=SGD(momentum=0.98, nesterov=False), lr=0.03, batch_size=2_000)
    after = step.apply(initial_state(), CONTEXT)[0]
    following = replace(step, index=1)
    assert equal(following.apply(after, CONTEXT)[0], following.apply(State.of(load(save(after.tensors()))), CONTEXT)[0])
