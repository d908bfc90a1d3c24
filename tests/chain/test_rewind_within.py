from dataclasses import replace

import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.rewind_within import RewindWithin
from prunesweep.chain.state import State, masked
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.training.settings import SGD, Augment

DENSE = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=3, seed=0, augment=Augment(shift=1), lr_start=0.0)


def test_the_weights_are_those_of_the_dense_training_after_so_many_optimizer_steps() -> None:
    start = initial_state()
    mask = torch.arange(10 * 100).view(10, 100) % 2 == 0
    pruned = masked(replace(start, masks={"fc3.weight": mask}))
    step = RewindWithin(3, replace(DENSE, part=(0, 2)))
    assert step.recalls == (3,)
    after, _ = step.apply(pruned, replace(CONTEXT, recall={3: start}.__getitem__))
    half = replace(DENSE, part=(0, 2)).apply(start, CONTEXT)[0]
    assert equal(after, masked(State(half.weights, {"fc3.weight": mask})))
    assert not torch.equal(after.weights["fc1.weight"], start.weights["fc1.weight"])


def test_the_first_steps_and_the_others_are_the_whole_epoch() -> None:
    # Without random changes of the images, whose numbers are drawn in order.
    plain = replace(DENSE, augment=Augment())
    start, whole = initial_state(), plain.apply(initial_state(), CONTEXT)[0]
    half = replace(plain, part=(0, 2)).apply(start, CONTEXT)[0]
    assert equal(replace(plain, part=(2, None)).apply(half, CONTEXT)[0], whole)


def test_the_point_counts() -> None:
    described = [RewindWithin(3, replace(DENSE, part=(0, count))).describe() for count in (1, 2)]
    assert described[0] != described[1]
    assert RewindWithin(3, DENSE).summary() == "rewind"
