from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, first_step, initial_state

from prunesweep.chain.observations import Evaluate
from prunesweep.chain.seeding import drawing_from
from prunesweep.chain.state import State
from prunesweep.chain.steps import Diverged, Reinitialize, Rewind
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.errors import UsageError
from prunesweep.training.settings import SGD, Augment

INIT = first_step()
EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=0, seed=0)


@pytest.fixture(scope="module")
def start() -> State:
    return initial_state()


def test_init_depends_on_the_seed_only(start: State) -> None:
    with drawing_from(123, "cpu"):
        assert equal(INIT.apply(State(), CONTEXT)[0], start)
    assert not equal(initial_state(seed=1), start)


def test_init_refuses_a_network_whose_initial_weights_cannot_be_repeated() -> None:
    with pytest.raises(UsageError, match="model=lenet_300_100: two builds with the same seed gave different weights"):
        replace(INIT, weights="another hash").apply(State(), CONTEXT)


def test_the_initial_weights_are_part_of_the_description() -> None:
    assert replace(INIT, weights="another hash").describe() != INIT.describe()


def test_steps_keep_the_global_random_state(start: State) -> None:
    before = torch.random.get_rng_state()
    for step in (INIT, EPOCH, Reinitialize(0, 0)):
        step.apply(start, CONTEXT)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_settings_at_their_defaults_are_not_described() -> None:
    # Digests of older runs stay.
    assert EPOCH.describe().keys() == {"step", "code", "data", "optimizer", "lr", "batch_size", "index", "seed"}
    for change in ({"lr_start": 0.0}, {"part": (0, 1)}, {"augment": Augment(shift=1)}):
        assert replace(EPOCH, **change).describe().keys() - EPOCH.describe().keys() == change.keys()


def test_rewinding_restores_earlier_weights_under_the_current_masks(start: State) -> None:
    mask = torch.arange(10 * 100).view(10, 100) % 2 == 0
    now = State(
        {"fc3.weight": torch.ones(10, 100)}, {"fc3.weight": mask}, {"fc3.weight/momentum_buffer": torch.ones(1)}
    )
    context = replace(CONTEXT, recall={3: start}.__getitem__)
    step = Rewind(3)
    assert step.recalls == (3,)
    after, _ = step.apply(now, context)
    assert torch.equal(after.weights["fc3.weight"], start.weights["fc3.weight"] * mask)
    assert torch.equal(after.weights["fc1.weight"], start.weights["fc1.weight"])
    assert after.optimizer == {}
    assert equal(replace(step, masks=True).apply(now, context)[0], start)


def test_reinitializing_draws_new_weights_and_keeps_the_masks(start: State) -> None:
    mask = torch.zeros(10, 100, dtype=torch.bool)
    now = replace(start, masks={"fc3.weight": mask})
    first, again, other = (Reinitialize(index, seed=0).apply(now, CONTEXT)[0] for index in (0, 0, 1))
    assert equal(first, again)
    assert not torch.equal(first.weights["fc1.weight"], other.weights["fc1.weight"])
    assert not torch.equal(first.weights["fc1.weight"], start.weights["fc1.weight"])
    assert not first.weights["fc3.weight"].any()


def test_outputs_that_are_too_large_end_the_run(start: State) -> None:
    huge = {name: 1e30 * tensor for name, tensor in start.weights.items()}
    with pytest.raises(Diverged, match="the loss on the validation split is (inf|nan)"):
        Evaluate("data").observe(State(huge), CONTEXT)


def test_each_step_has_a_summary_and_a_kind() -> None:
    steps = (INIT, EPOCH, Rewind(0), Reinitialize(0, 0))
    assert [(step.kind, step.summary()) for step in steps] == [
        ("init", "lenet_300_100, seed 0"),
        ("train", "epoch 1"),
        ("other", "rewind"),
        ("other", "reinitialize"),
    ]
