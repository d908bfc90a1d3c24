import math
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, first_step, initial_state
from torch import nn

from prunesweep.chain import train_epoch
from prunesweep.chain.state import State, Tensors, masked
from prunesweep.chain.steps import Diverged
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.models.settings import CustomModel, LeNet5, LeNet300100, Model, Shape
from prunesweep.pruning.without_channels import without_channels
from prunesweep.training.settings import SGD, Adam, AdamW, Augment, Optimizer

INIT = first_step()
EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=0, seed=0)


@pytest.fixture(scope="module")
def start() -> State:
    return initial_state()


class Dropping(nn.Module):
    """A network with dropout and buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.norm = nn.BatchNorm1d(784)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.drop(self.norm(x.flatten(1))))


def test_an_epoch_does_not_modify_the_state_before_it_and_is_repeatable(start: State) -> None:
    first, record = EPOCH.apply(start, CONTEXT)
    again, again_record = EPOCH.apply(start, CONTEXT)
    assert equal(first, again)
    assert {**record, "seconds": 0} == {**again_record, "seconds": 0}
    assert equal(start, INIT.apply(State(), CONTEXT)[0])
    assert record["epoch"] == 1
    assert record["sparsity"] == 0
    assert 0 < record["train_loss"] < 2.4


def test_changed_images_are_the_same_in_each_repetition(start: State) -> None:
    changing = replace(EPOCH, augment=Augment(shift=2, flip=True))
    first, second = (changing.apply(start, CONTEXT)[0] for _ in range(2))
    assert equal(first, second)
    assert not equal(first, EPOCH.apply(start, CONTEXT)[0])
    assert changing.describe() != EPOCH.describe() == replace(EPOCH, augment=Augment()).describe()


def test_the_learning_rate_rises_with_each_optimizer_step_of_a_warm_up(start: State) -> None:
    # With plain SGD on a single weight of a single step, the change is proportional to the rate.
    sgd = SGD(momentum=0.0, nesterov=False, weight_decay=0.0)
    whole = replace(EPOCH, optimizer=sgd, batch_size=1_000, lr=0.04)
    half_way = replace(whole, lr_start=0.02)

    def change(step: TrainEpoch, before: State) -> torch.Tensor:
        return step.apply(before, CONTEXT)[0].weights["fc3.bias"] - before.weights["fc3.bias"]

    for batch, rate in enumerate((0.025, 0.03, 0.035, 0.04)):  # 3,500 images in 4 batches
        one = {"part": (batch, batch + 1)}
        constant = change(replace(whole, lr=rate, **one), start)
        assert torch.allclose(change(replace(half_way, **one), start), constant, rtol=1e-4, atol=1e-8)
    assert half_way.apply(start, CONTEXT)[1]["lr"] == 0.04


def test_the_loss_of_a_part_of_an_epoch_is_a_mean_over_its_examples(start: State) -> None:
    still = replace(EPOCH, lr=0.0)
    parts = [replace(still, part=part).apply(start, CONTEXT)[1]["train_loss"] for part in ((0, 2), (2, None))]
    whole = still.apply(start, CONTEXT)[1]["train_loss"]
    assert 2 / 7 * parts[0] + 5 / 7 * parts[1] == pytest.approx(whole)


def test_the_order_of_the_examples_depends_on_seed_and_index(start: State) -> None:
    first = EPOCH.apply(start, CONTEXT)[0]
    assert not equal(replace(EPOCH, index=1).apply(start, CONTEXT)[0], first)
    assert not equal(replace(EPOCH, seed=1).apply(start, CONTEXT)[0], first)


def test_phase_and_round_change_neither_the_description_nor_the_result(start: State) -> None:
    renamed = replace(EPOCH, phase="ticket", round=3)
    assert renamed.describe() == EPOCH.describe()
    assert not {"phase", "round"} & EPOCH.describe().keys()
    assert equal(renamed.apply(start, CONTEXT)[0], EPOCH.apply(start, CONTEXT)[0])


def test_an_epoch_is_described_by_its_own_learning_rate_only() -> None:
    assert replace(EPOCH, optimizer=SGD(lr=0.5)).describe() == EPOCH.describe()
    assert replace(EPOCH, lr=0.5).describe() != EPOCH.describe()


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [(LeNet5(), SGD()), (LeNet300100(), SGD()), (LeNet300100(), Adam()), (LeNet300100(), AdamW())],
    ids=lambda settings: settings.name,
)
def test_training_from_a_stored_state_gives_the_same_bits(model: Model, optimizer: Optimizer) -> None:
    from safetensors.torch import load, save

    context = replace(CONTEXT, model=model)
    step = replace(EPOCH, optimizer=optimizer, lr=optimizer.lr)
    start = initial_state(context)
    mask = start.weights["fc1.weight"] > 0
    state = masked(replace(start, masks={"fc1.weight": mask}))
    after = step.apply(state, context)[0]
    stored = State.of(load(save(after.tensors())))
    following = replace(step, index=1)
    assert equal(following.apply(after, context)[0], following.apply(stored, context)[0])


def test_networks_with_dropout_and_buffers_are_repeatable() -> None:
    context = replace(CONTEXT, model=CustomModel(target=f"{__name__}.Dropping"))
    state = initial_state(context)
    first, again = (EPOCH.apply(state, context)[0] for _ in range(2))
    assert equal(first, again)
    assert first.weights["norm.num_batches_tracked"] == 7


def test_a_compact_epoch_gives_the_same_weights_and_momentum_up_to_rounding(
    start: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out: list[int] = []

    def counted(model: nn.Module, masks: Tensors, shape: Shape) -> AbstractContextManager[None]:
        left_out.append(len(masks))
        return without_channels(model, masks, shape)

    monkeypatch.setattr(train_epoch, "without_channels", counted)
    masks = {name: torch.ones_like(start.weights[name], dtype=torch.bool) for name in ("fc1.weight", "fc1.bias")}
    for mask in masks.values():
        mask[50:] = False
    pruned = masked(replace(start, masks=masks))
    whole, compact = (replace(EPOCH, compact=compact).apply(pruned, CONTEXT)[0] for compact in (False, True))
    assert left_out == [0, 2]
    for name, tensor in whole.tensors().items():
        assert torch.allclose(compact.tensors()[name], tensor, atol=1e-4), name


def test_a_loss_that_is_not_finite_ends_the_run(start: State) -> None:
    with pytest.raises(Diverged, match="training diverged: the loss is nan in epoch 1 at"):
        replace(EPOCH, lr=1e20, batch_size=100).apply(start, CONTEXT)


def test_weights_that_are_not_finite_after_the_last_optimizer_step_end_the_run(start: State) -> None:
    only_step = replace(EPOCH, lr=math.inf, batch_size=len(CONTEXT.data.train))  # no loss is computed after it
    with pytest.raises(Diverged, match=r"training diverged: fc1.weight is not finite after epoch 1 at a learning rate"):
        only_step.apply(start, CONTEXT)
