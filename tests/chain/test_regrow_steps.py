from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, initial_state
from safetensors.torch import load, save

from prunesweep.chain.prune_steps import Prune
from prunesweep.chain.regrow_steps import RegrowEpoch, SurgeryEpoch, risen
from prunesweep.chain.state import State
from prunesweep.pruning.curves import cubic
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.training.settings import SGD

LAYERS = ("fc1.weight", "fc2.weight", "fc3.weight")
SPEC = PruneSpec("l1", Fractions(0.99), scope="erk", protect=True)
TOTAL = 784 * 300 + 300 * 100 + 1_000
KEPT = TOTAL - round(0.99 * TOTAL)
RIGL = RegrowEpoch(
    "data", SGD(), 0.03, 500, 1, 0, SPEC, LAYERS, number=0, of=2, every=2, rise=0.0, fraction=0.3, batches=1
)
SET = replace(RIGL, batches=None)
RISING = replace(RIGL, rise=0.75)
SURGERY = SurgeryEpoch("data", SGD(), 0.03, 500, 1, 0, SPEC, LAYERS, number=0, of=2, every=2, rise=0.0, gamma=0.0)
RISING_SURGERY = replace(SURGERY, rise=0.75)


@pytest.fixture(scope="module")
def start() -> State:
    return initial_state()


@pytest.fixture(scope="module")
def sparse(start: State) -> State:
    return Prune("data", SPEC, LAYERS, index=0, seed=0).apply(start, CONTEXT)[0]


def begin(step: RegrowEpoch | SurgeryEpoch, start: State, sparse: State) -> State:
    return sparse if isinstance(step, RegrowEpoch) and not step.rise else start


def counts(state: State) -> list[int]:
    return [int(state.masks[name].sum()) for name in LAYERS]


def returned(before: State, after: State) -> int:
    return sum(int((after.masks[name] & ~before.masks[name]).sum()) for name in LAYERS)


@pytest.mark.parametrize("step", [RIGL, SET], ids=["rigl", "set"])
def test_weights_return_at_the_same_count_in_each_layer(step: RegrowEpoch, sparse: State) -> None:
    after, record = step.apply(sparse, CONTEXT)
    assert counts(after) == counts(sparse)
    assert sum(counts(after)) == KEPT
    assert returned(sparse, after) > 0.1 * KEPT
    assert record["sparsity"] == pytest.approx(0.99, abs=1e-5)


@pytest.mark.parametrize("step", [RIGL, SET, RISING, SURGERY, RISING_SURGERY])
def test_pruned_weights_are_exactly_zero(step: RegrowEpoch | SurgeryEpoch, start: State, sparse: State) -> None:
    after, _ = step.apply(begin(step, start, sparse), CONTEXT)
    last, _ = replace(step, number=1, index=2).apply(after, CONTEXT)
    for state in (after, last):
        for name, mask in state.masks.items():
            zeros = state.weights[name][~mask]
            assert (zeros == 0).all()
            assert not torch.signbit(zeros).any()
    for name, mask in last.masks.items():
        momentum = last.optimizer[f"{name}/momentum_buffer"]
        assert (momentum[~mask] == 0).all()
    assert last.dense == {}
    assert sum(counts(last)) == KEPT


@pytest.mark.parametrize("step", [RIGL, SET, SURGERY])
def test_a_step_is_repeatable_and_continues_from_a_stored_state(
    step: RegrowEpoch | SurgeryEpoch, start: State, sparse: State
) -> None:
    first, again = (step.apply(begin(step, start, sparse), CONTEXT)[0] for _ in range(2))
    assert equal(first, again)
    following = replace(step, number=1, index=2)
    assert equal(following.apply(first, CONTEXT)[0], following.apply(State.of(load(save(first.tensors()))), CONTEXT)[0])


def test_grown_weights_begin_at_zero_and_those_with_the_largest_gradients_are_grown(sparse: State) -> None:
    """The only change is after the second of seven optimizer steps; a learning rate of almost 0 changes nothing."""
    step = replace(RIGL, every=6, lr=1e-30, optimizer=SGD(weight_decay=0.0), of=100)
    after, _ = step.apply(sparse, CONTEXT)
    gradients = step._growth(sparse, CONTEXT, 0)  # other images, so only most of the largest gradients are the same
    for name in LAYERS:
        grown = after.masks[name] & ~sparse.masks[name]
        assert grown.any()
        assert after.weights[name][grown].abs().max() < 1e-20
        others = ~after.masks[name] & ~sparse.masks[name]
        assert gradients[name][grown].mean() > 2 * gradients[name][others].mean()


def test_nothing_is_grown_after_the_last_optimizer_step(sparse: State) -> None:
    after, _ = replace(SET, every=100, number=1).apply(sparse, CONTEXT)
    assert returned(sparse, after) == 0


def test_sparsity_rises_before_weights_are_only_exchanged(start: State) -> None:
    """Changes after 2, 4, 6 and 7 of 14 optimizer steps; the rise has 10.5."""
    after, record = RISING.apply(start, CONTEXT)
    assert sum(counts(after)) == TOTAL - round(cubic(0.99, 7 / 10.5) * TOTAL)
    assert record["protected"] == 0
    last, _ = replace(RISING, number=1, index=2).apply(after, CONTEXT)
    assert sum(counts(last)) == KEPT
    assert returned(after, last) > 0, "what the rise has pruned can return"
    assert risen(SPEC, 2.0) == SPEC


def test_weights_return_from_surgery_because_they_keep_training(start: State) -> None:
    after, _ = SURGERY.apply(start, CONTEXT)
    assert sum(counts(after)) == KEPT
    assert all(after.dense[name][~after.masks[name]].any() for name in LAYERS)
    last, _ = replace(SURGERY, number=1, index=2).apply(after, CONTEXT)
    assert returned(after, last) > 0


def test_after_the_rise_surgery_becomes_rare(start: State) -> None:
    """With a huge gamma, only the first change takes place."""
    once = replace(SURGERY, gamma=1e12)
    after, _ = once.apply(start, CONTEXT)
    last, record = replace(once, number=1, index=2).apply(after, CONTEXT)
    assert sum(counts(after)) == KEPT
    assert all(torch.equal(last.masks[name], after.masks[name]) for name in LAYERS)
    assert "protected" not in record


def test_summaries_and_descriptions() -> None:
    assert (RIGL.kind, RIGL.summary()) == ("prune", "0.99 by l1, erk, regrowth (epoch 2)")
    assert SURGERY.summary() == "0.99 by l1, erk, surgery (epoch 2)"
    assert replace(RIGL, phase="regrow", round=1).describe() == RIGL.describe()
    assert replace(RIGL, fraction=0.2).describe() != RIGL.describe()
    assert replace(SURGERY, gamma=0.2).describe() != SURGERY.describe()
