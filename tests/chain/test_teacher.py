from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.state import State
from prunesweep.chain.teacher import Teacher
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.training.objectives import distilled
from prunesweep.training.settings import SGD

EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=1_000, index=0, seed=0)
TAUGHT = replace(EPOCH, teacher=Teacher(at=2, weight=0.5, temperature=3.0))


@pytest.fixture(scope="module")
def start() -> State:
    return initial_state()


def test_the_objective_compares_with_the_network_after_the_given_step() -> None:
    state = initial_state(seed=1)
    context = replace(CONTEXT, recall={2: state}.__getitem__)
    assert TAUGHT.recalls == (2,)
    assert EPOCH.recalls == ()
    images, labels = context.data.train.images[:5], context.data.train.labels[:5]
    student = context.network(initial_state())
    assert TAUGHT.teacher is not None
    found = TAUGHT.teacher.objective(context)(student, images, labels)
    assert torch.equal(found, distilled(context.network(state), 0.5, 3.0)(student, images, labels))


def test_an_epoch_with_a_teacher_is_repeatable_and_another_one_than_without(start: State) -> None:
    mask = start.weights["fc1.weight"] > 0
    pruned = State({**start.weights, "fc1.weight": start.weights["fc1.weight"] * mask}, {"fc1.weight": mask})
    first, again = (TAUGHT.apply(pruned, replace(CONTEXT, recall=lambda _: start))[0] for _ in range(2))
    assert equal(first, again)
    assert not equal(first, EPOCH.apply(pruned, CONTEXT)[0])
    assert not first.weights["fc1.weight"][~mask].any()


def test_a_teacher_counts_and_an_epoch_without_one_is_described_as_before() -> None:
    assert "teacher" not in EPOCH.describe()
    described = [replace(TAUGHT, teacher=Teacher(*values)).describe() for values in ((1, 0.5, 3.0), (2, 0.4, 3.0))]
    described += [replace(TAUGHT, teacher=Teacher(2, 0.5, 4.0)).describe(), TAUGHT.describe(), EPOCH.describe()]
    assert len({str(each) for each in described}) == 5
