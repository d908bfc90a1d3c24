from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.penalty_epoch import PenaltyEpoch, share_pruned
from prunesweep.chain.prune_steps import Prune
from prunesweep.chain.state import State
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.training.settings import SGD

LAYERS = ("fc1.weight", "fc3.weight")
EPOCH = PenaltyEpoch(
    "data",
    SGD(),
    0.03,
    1_000,
    4,
    0,
    PruneSpec("l1", Fractions(0.5)),
    LAYERS,
    penalty="l1",
    strength=0.1,
    tolerance=0.01,
)


@pytest.fixture(scope="module")
def start() -> State:
    return initial_state()


def zeros(state: State, name: str) -> int:
    return int((state.weights[name] == 0).sum())


def test_the_share_of_the_magnitude_that_is_pruned_by_hand() -> None:
    state = State({"a": torch.tensor([3.0, -1.0]), "b": torch.tensor([4.0]), "c": torch.tensor([99.0])})
    masks = {"a": torch.tensor([True, False]), "b": torch.tensor([True])}
    assert share_pruned(state, masks) == 1 / 8
    assert share_pruned(State({"a": torch.zeros(2), "b": torch.zeros(1)}), masks) == 0


def test_selected_weights_shrink_and_become_exactly_zero(start: State) -> None:
    after, record = EPOCH.apply(start, CONTEXT)
    assert record["strength"] == 0.1
    assert after.masks == {}
    assert all(zeros(after, name) > 0 for name in LAYERS)
    assert zeros(after, "fc2.weight") == 0
    plain = TrainEpoch("data", SGD(), 0.03, 1_000, 4, 0).apply(start, CONTEXT)[0]
    assert after.weights["fc1.weight"].abs().sum() < plain.weights["fc1.weight"].abs().sum()


def test_the_step_of_a_penalty_is_the_learning_rate_times_its_strength(start: State) -> None:
    still = SGD(momentum=0.0, nesterov=False, weight_decay=0.0)
    one = replace(EPOCH, optimizer=still, lr=1e-12, strength=1e9, batch_size=10_000)  # one step, almost no gradient
    after = one.apply(start, CONTEXT)[0].weights["fc1.weight"]
    before = start.weights["fc1.weight"]
    assert torch.allclose(after, before.sign() * (before.abs() - 1e-3).clamp(min=0), atol=1e-7)


def test_the_target_is_met_when_the_weights_to_prune_hold_little(start: State) -> None:
    after, record = replace(EPOCH, strength=20.0).apply(start, CONTEXT)
    assert record["sparsity"] == after.sparsity == 0.5
    assert all(not after.weights[name][~mask].any() for name, mask in after.masks.items())
    assert replace(EPOCH, tolerance=1.0).apply(start, CONTEXT)[0].sparsity == 0.5


def test_once_the_target_is_met_training_goes_on_without_the_penalty(start: State) -> None:
    pruned = Prune("data", EPOCH.spec, LAYERS, 0, 0).apply(start, CONTEXT)[0]
    after, record = EPOCH.apply(pruned, CONTEXT)
    assert equal(after, TrainEpoch("data", SGD(), 0.03, 1_000, 4, 0).apply(pruned, CONTEXT)[0])
    assert record["strength"] == 0


@pytest.mark.parametrize("penalty", ["l1", "group", "hoyer"])
def test_an_epoch_from_a_stored_state_gives_the_same_bits(penalty: str, start: State) -> None:
    from safetensors.torch import load, save

    step = replace(EPOCH, penalty=penalty, strength=1e-3, batch_size=2_000)
    after = step.apply(start, CONTEXT)[0]
    following = replace(step, index=5, strength=2e-3)
    assert equal(following.apply(after, CONTEXT)[0], following.apply(State.of(load(save(after.tensors()))), CONTEXT)[0])


def test_the_settings_of_the_penalty_count() -> None:
    changes = ({"penalty": "hoyer"}, {"strength": 0.2}, {"tolerance": 0.02}, {"spec": PruneSpec("l1", Fractions(0.6))})
    assert all(replace(EPOCH, **change).describe() != EPOCH.describe() for change in changes)
    assert EPOCH.summary() == "epoch 5, 0.1 l1"
