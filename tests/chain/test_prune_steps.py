from dataclasses import replace

import pytest
import torch

from prunesweep.chain.context import Context
from prunesweep.chain.prune_steps import NoScore, Prune, RampEpoch
from prunesweep.chain.state import State
from prunesweep.chain.steps import Init, TrainEpoch
from prunesweep.data.settings import Dataset
from prunesweep.models.settings import LeNet5, LeNet300100
from prunesweep.pruning.curves import cubic, geometric, linear
from prunesweep.pruning.settings import Pruning
from prunesweep.training.settings import SGD, Adam, Optimizer

MODEL = LeNet300100()
SETTING = Context(MODEL, Dataset(), "cpu")
EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=0, seed=0)
LAYERS = ("fc1.weight", "fc3.weight")
PRUNE = Prune("data", Pruning(amount=0.5, batches=2), LAYERS, index=0, seed=0)
RAMP = RampEpoch("data", SGD(), 0.03, 500, 1, 0, Pruning(amount=0.9), LAYERS, number=0, of=2, every=2, regrow=False)


def equal(one: State, other: State) -> bool:
    mine, theirs = one.tensors(), other.tensors()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def gone(state: State) -> int:
    return sum(int((~mask).sum()) for mask in state.masks.values())


TOTAL = 784 * 300 + 1_000


@pytest.fixture(scope="module")
def start() -> State:
    return Init(MODEL, (1, 28, 28), seed=0).apply(State(), SETTING)[0]


@pytest.fixture(scope="module")
def pruned(start: State) -> State:
    return PRUNE.apply(start, SETTING)[0]


def test_the_curves_by_hand() -> None:
    assert [geometric(0.75, part) for part in (0, 0.5, 1)] == [0, 0.5, 0.75]
    assert [linear(0.8, part) for part in (0, 0.5, 1)] == [0, 0.4, 0.8]
    assert [cubic(0.8, part) for part in (0, 0.5, 1)] == [0, 0.8 * 7 / 8, 0.8]


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


CRITERIA = ("l1", "l2", "random", "lamp", "snip", "taylor", "obd", "grasp", "synflow")


@pytest.mark.parametrize("structure", ["unstructured", "channel", "n_of_m"])
@pytest.mark.parametrize("scope", ["global", "layerwise", "erk", "magnitude"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_scope_and_structure(criterion: str, scope: str, structure: str, start: State) -> None:
    """Exact counts, nested masks, exact zeros, the same seed the same masks."""
    if structure == "n_of_m" and scope != "global":
        pytest.skip("N:M prunes every group alike")
    layers = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias") if structure == "channel" else LAYERS
    pruning = Pruning(criterion, scope, structure, amount=0.5, batches=1, batch_size=16)
    half = replace(PRUNE, pruning=pruning, layers=layers)
    first, again = (half.apply(start, SETTING)[0] for _ in range(2))
    assert equal(first, again)
    assert set(first.masks) == set(layers)
    for name, mask in first.masks.items():
        assert (first.weights[name][~mask] == 0).all()
    if structure == "channel":
        assert sum(int((~first.masks[name]).sum()) for name in ("fc1.bias", "fc2.bias")) == 200
        assert all(torch.equal(first.masks[f"{n}.weight"].any(1), first.masks[f"{n}.bias"]) for n in ("fc1", "fc2"))
    else:
        assert gone(first) == round(0.5 * TOTAL)
    if structure != "n_of_m":
        further = replace(half, pruning=replace(pruning, amount=0.8), index=1).apply(first, SETTING)[0]
        assert gone(further) > gone(first)
        assert all(not (further.masks[name] & ~mask).any() for name, mask in first.masks.items())


def test_an_iterated_criterion_ends_at_the_same_count_and_elsewhere(start: State) -> None:
    once = Pruning("synflow", amount=0.99)
    one, many = (replace(PRUNE, pruning=replace(once, iterations=count)).apply(start, SETTING)[0] for count in (1, 10))
    assert gone(one) == gone(many) == round(0.99 * TOTAL)
    assert any(not torch.equal(one.masks[name], many.masks[name]) for name in LAYERS)


def test_nothing_goes_without_a_criterion(start: State) -> None:
    state, record = replace(PRUNE, pruning=Pruning("none", amount=0.0)).apply(start, SETTING)
    assert record["sparsity"] == 0
    assert set(state.masks) == set(LAYERS)


def nonsense(of: object) -> torch.Tensor:
    return torch.full((3,), float("nan"))


def test_scores_that_cannot_be_ranked(start: State) -> None:
    own = Pruning("custom", amount=0.5, target=f"{__name__}.nonsense")
    with pytest.raises(NoScore, match=r"the scores of fc1.weight are not numbers of its shape \[300, 784\]"):
        replace(PRUNE, pruning=own).apply(start, SETTING)


def test_conv_networks_are_scored_in_their_own_layout() -> None:
    context = replace(SETTING, model=LeNet5())
    state = Init(LeNet5(), (1, 28, 28), 0).apply(State(), context)[0]
    step = Prune("data", Pruning("snip", amount=0.5, batches=1, batch_size=8), ("conv2.weight",), 0, 0)
    assert gone(step.apply(state, context)[0]) == 1_200


@pytest.mark.parametrize("regrow", [False, True])
def test_sparsity_rises_during_an_epoch(regrow: bool, start: State) -> None:
    first = replace(RAMP, regrow=regrow)
    half, record = first.apply(start, SETTING)  # seven batches of 500: masks after 2, 4, 6 and 7
    assert gone(half) == round(cubic(0.9, 0.5) * TOTAL)
    assert record["sparsity"] == half.sparsity
    assert set(half.dense) == (set(LAYERS) if regrow else set())
    full, _ = replace(first, number=1, index=2).apply(half, SETTING)
    assert gone(full) == round(0.9 * TOTAL)
    assert full.dense == {}
    for state in (half, full):
        for name, mask in state.masks.items():
            assert (state.weights[name][~mask] == 0).all()
    for name, mask in full.masks.items():
        assert not full.optimizer[f"{name}/momentum_buffer"][~mask].any()
    nested = all(not (full.masks[name] & ~mask).any() for name, mask in half.masks.items())
    assert nested is not regrow


@pytest.mark.parametrize("regrow", [False, True])
def test_a_rise_that_was_stored_goes_on_to_the_same_bits(regrow: bool, start: State) -> None:
    from safetensors.torch import load, save

    step = replace(RAMP, regrow=regrow)
    half, _ = step.apply(start, SETTING)
    following = replace(step, number=1, index=2)
    stored = State.of(load(save(half.tensors())))
    assert equal(following.apply(half, SETTING)[0], following.apply(stored, SETTING)[0])


def test_weights_under_the_mask_go_on_training_where_they_may_regrow(start: State) -> None:
    half, _ = replace(RAMP, regrow=True).apply(start, SETTING)
    for name, mask in half.masks.items():
        assert torch.equal(half.dense[name][mask], half.weights[name][mask])
        assert half.dense[name][~mask].any()
        assert not torch.equal(half.dense[name][~mask], start.weights[name][~mask])
