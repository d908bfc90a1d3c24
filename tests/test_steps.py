from dataclasses import replace

import pytest
import torch
from torch import nn

from prunesweep.data import Dataset
from prunesweep.models import CustomModel, LeNet5, LeNet300100, Model
from prunesweep.pruning import Pruning
from prunesweep.state import Setting, State, drawing_from
from prunesweep.steps import Diverged, Evaluate, Init, Prune, TrainEpoch
from prunesweep.training import SGD, Adam, AdamW, Optimizer

MODEL = LeNet300100()
SETTING = Setting(MODEL, Dataset(), "cpu")
INIT = Init(MODEL, seed=0)
EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=0, seed=0)
PRUNE = Prune(Pruning(amount=0.5), ("fc1.weight", "fc3.weight"), index=0, seed=0)


def equal(one: State, other: State) -> bool:
    mine, theirs = one.tensors(), other.tensors()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


class Dropping(nn.Module):
    """A network that draws at every step and keeps buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.norm = nn.BatchNorm1d(784)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.drop(self.norm(x.flatten(1))))


@pytest.fixture(scope="module")
def start() -> State:
    return INIT.apply(State(), SETTING)[0]


@pytest.fixture(scope="module")
def pruned(start: State) -> State:
    return PRUNE.apply(start, SETTING)[0]


def test_init_is_a_function_of_the_seed_alone(start: State) -> None:
    with drawing_from(123, "cpu"):
        assert equal(INIT.apply(State(), SETTING)[0], start)
    assert not equal(replace(INIT, seed=1).apply(State(), SETTING)[0], start)


def test_steps_leave_the_global_random_state_alone(start: State) -> None:
    before = torch.random.get_rng_state()
    for step in (INIT, EPOCH, PRUNE):
        step.apply(start, SETTING)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_epoch_leaves_the_state_before_it_alone_and_repeats(start: State) -> None:
    first, record = EPOCH.apply(start, SETTING)
    again, again_record = EPOCH.apply(start, SETTING)
    assert equal(first, again)
    assert {**record, "seconds": 0} == {**again_record, "seconds": 0}
    assert equal(start, INIT.apply(State(), SETTING)[0])
    assert record["epoch"] == 1
    assert record["sparsity"] == 0
    assert 0 < record["train_loss"] < 2.4


def test_the_order_of_the_examples_is_drawn_from_seed_and_index(start: State) -> None:
    first = EPOCH.apply(start, SETTING)[0]
    assert not equal(replace(EPOCH, index=1).apply(start, SETTING)[0], first)
    assert not equal(replace(EPOCH, seed=1).apply(start, SETTING)[0], first)


@pytest.mark.parametrize("model", [LeNet300100(), LeNet5()], ids=lambda model: model.name)
@pytest.mark.parametrize("optimizer", [SGD(), Adam(), AdamW()], ids=lambda optimizer: optimizer.name)
def test_a_state_that_was_stored_goes_on_to_the_same_bits(model: Model, optimizer: Optimizer) -> None:
    from safetensors.torch import load, save

    setting = replace(SETTING, model=model)
    step = replace(EPOCH, optimizer=optimizer, lr=optimizer.lr)
    state = replace(PRUNE, layers=("fc1.weight",)).apply(Init(model, 0).apply(State(), setting)[0], setting)[0]
    after = step.apply(state, setting)[0]
    stored = State.of(load(save(after.tensors())))
    following = replace(step, index=1)
    assert equal(following.apply(after, setting)[0], following.apply(stored, setting)[0])


def test_networks_that_draw_and_keep_buffers_repeat_too() -> None:
    model = CustomModel(target=f"{__name__}.Dropping")
    setting = replace(SETTING, model=model)
    state = Init(model, 0).apply(State(), setting)[0]
    first, again = (EPOCH.apply(state, setting)[0] for _ in range(2))
    assert equal(first, again)
    assert first.weights["norm.num_batches_tracked"] == 7


def test_pruning_masks_the_selected_and_zeroes_them(start: State, pruned: State) -> None:
    assert set(pruned.masks) == {"fc1.weight", "fc3.weight"}
    total = sum(mask.numel() for mask in pruned.masks.values())
    assert sum(int((~mask).sum()) for mask in pruned.masks.values()) == round(0.5 * total)
    assert pruned.sparsity == round(0.5 * total) / total
    for name, mask in pruned.masks.items():
        assert mask.dtype == torch.bool
        zeros = pruned.weights[name][~mask]
        assert (zeros == 0).all()
        assert not torch.signbit(zeros).any()
        assert torch.equal(pruned.weights[name][mask], start.weights[name][mask])
    assert torch.equal(pruned.weights["fc2.weight"], start.weights["fc2.weight"])
    assert pruned.optimizer == {}


def test_pruning_twice_is_nested_and_reaches_the_higher_amount(pruned: State) -> None:
    further = replace(PRUNE, pruning=Pruning(amount=0.9), index=1).apply(pruned, SETTING)[0]
    assert further.sparsity == pytest.approx(0.9, abs=1e-5)
    assert all(not (further.masks[name] & ~mask).any() for name, mask in pruned.masks.items())


def test_random_pruning_takes_exactly_the_asked_count_and_depends_on_the_seed(start: State) -> None:
    step = replace(PRUNE, pruning=Pruning(criterion="random", amount=0.3))
    first, again, other = (one.apply(start, SETTING)[0] for one in (step, step, replace(step, seed=1)))
    total = sum(mask.numel() for mask in first.masks.values())
    assert sum(int((~mask).sum()) for mask in first.masks.values()) == round(0.3 * total)
    assert equal(first, again)
    assert not equal(first, other)


@pytest.mark.parametrize("optimizer", [SGD(), Adam(weight_decay=0.1)], ids=lambda optimizer: optimizer.name)
def test_pruned_weights_are_exactly_zero_after_fine_tuning(start: State, optimizer: Optimizer) -> None:
    step = replace(EPOCH, optimizer=optimizer, lr=optimizer.lr)
    dense = step.apply(start, SETTING)[0]
    assert dense.optimizer, "momentum from before the pruning"
    state = PRUNE.apply(dense, SETTING)[0]
    for index in (1, 2):
        state, record = replace(step, index=index).apply(state, SETTING)
        assert record["sparsity"] == pytest.approx(0.5, abs=1e-5)
    for name, mask in state.masks.items():
        assert (state.weights[name][~mask] == 0).all()
        assert not torch.equal(state.weights[name][mask], dense.weights[name][mask])


def test_a_loss_that_is_no_number_ends_the_run(start: State) -> None:
    with pytest.raises(Diverged, match="training diverged: the loss of epoch 1 is nan"):
        replace(EPOCH, lr=1e20, batch_size=100).apply(start, SETTING)


def test_evaluation_scores_both_splits(start: State) -> None:
    _, record = Evaluate("data").apply(start, SETTING)
    assert set(record) == {"val_loss", "val_accuracy", "test_loss", "test_accuracy"}
    assert record["test_accuracy"] * 1_000 == round(record["test_accuracy"] * 1_000)
