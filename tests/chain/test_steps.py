from dataclasses import replace

import pytest
import torch
from torch import nn

from prunesweep.chain.context import Context
from prunesweep.chain.observations import Count, Evaluate
from prunesweep.chain.seeding import drawing_from
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import Diverged, Init, Reinitialize, Rewind, TrainEpoch
from prunesweep.data.settings import Dataset
from prunesweep.models.settings import CustomModel, LeNet5, LeNet300100, Model
from prunesweep.training.settings import SGD, Adam, AdamW, Optimizer

MODEL = LeNet300100()
SETTING = Context(MODEL, Dataset(), "cpu")
INIT = Init(MODEL, (1, 28, 28), seed=0)
EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=0, seed=0)


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


def test_init_is_a_function_of_the_seed_alone(start: State) -> None:
    with drawing_from(123, "cpu"):
        assert equal(INIT.apply(State(), SETTING)[0], start)
    assert not equal(replace(INIT, seed=1).apply(State(), SETTING)[0], start)


def test_steps_leave_the_global_random_state_alone(start: State) -> None:
    before = torch.random.get_rng_state()
    for step in (INIT, EPOCH, Reinitialize(0, 0)):
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

    context = replace(SETTING, model=model)
    step = replace(EPOCH, optimizer=optimizer, lr=optimizer.lr)
    start = Init(model, (1, 28, 28), 0).apply(State(), context)[0]
    mask = start.weights["fc1.weight"] > 0
    state = masked(replace(start, masks={"fc1.weight": mask}))
    after = step.apply(state, context)[0]
    stored = State.of(load(save(after.tensors())))
    following = replace(step, index=1)
    assert equal(following.apply(after, context)[0], following.apply(stored, context)[0])


def test_networks_that_draw_and_keep_buffers_repeat_too() -> None:
    model = CustomModel(target=f"{__name__}.Dropping")
    context = replace(SETTING, model=model)
    state = Init(model, (1, 28, 28), 0).apply(State(), context)[0]
    first, again = (EPOCH.apply(state, context)[0] for _ in range(2))
    assert equal(first, again)
    assert first.weights["norm.num_batches_tracked"] == 7


def test_rewinding_takes_the_weights_of_then_under_the_masks_of_now(start: State) -> None:
    mask = torch.arange(10 * 100).view(10, 100) % 2 == 0
    now = State(
        {"fc3.weight": torch.ones(10, 100)}, {"fc3.weight": mask}, {"fc3.weight/momentum_buffer": torch.ones(1)}
    )
    context = replace(SETTING, recall={3: start}.__getitem__)
    step = Rewind(3)
    assert step.recalls == (3,)
    after, _ = step.apply(now, context)
    assert torch.equal(after.weights["fc3.weight"], start.weights["fc3.weight"] * mask)
    assert torch.equal(after.weights["fc1.weight"], start.weights["fc1.weight"])
    assert after.optimizer == {}
    assert equal(replace(step, masks=True).apply(now, context)[0], start)


def test_a_network_drawn_anew_keeps_the_masks(start: State) -> None:
    mask = torch.zeros(10, 100, dtype=torch.bool)
    now = replace(start, masks={"fc3.weight": mask})
    first, again, other = (Reinitialize(index, seed=0).apply(now, SETTING)[0] for index in (0, 0, 1))
    assert equal(first, again)
    assert not torch.equal(first.weights["fc1.weight"], other.weights["fc1.weight"])
    assert not torch.equal(first.weights["fc1.weight"], start.weights["fc1.weight"])
    assert not first.weights["fc3.weight"].any()


def test_counting_tells_what_is_left(start: State) -> None:
    now = replace(start, masks={"fc3.weight": torch.zeros(10, 100, dtype=torch.bool)})
    _, record = Count(("fc3.weight",)).apply(now, SETTING)
    assert (record["params_selected"], record["params_pruned"]) == (1_000, 1_000)
    assert record["dead_layers"] == ("fc1", "fc2", "fc3")


def test_a_loss_that_is_no_number_ends_the_run(start: State) -> None:
    with pytest.raises(Diverged, match="training diverged: the loss of epoch 1 is nan"):
        replace(EPOCH, lr=1e20, batch_size=100).apply(start, SETTING)


def test_evaluation_scores_both_splits(start: State) -> None:
    _, record = Evaluate("data").apply(start, SETTING)
    assert set(record) == {"val_loss", "val_accuracy", "test_loss", "test_accuracy"}
    assert record["test_accuracy"] * 1_000 == round(record["test_accuracy"] * 1_000)
