import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.context import Context
from prunesweep.chain.prune_steps import NoScore, Prune, RampEpoch
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import Diverged
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.models.settings import LeNet5
from prunesweep.pruning.allocation import SCOPES
from prunesweep.pruning.criteria import CRITERIA
from prunesweep.pruning.curves import cubic
from prunesweep.pruning.settings import Pruning
from prunesweep.pruning.spec import Fractions, PruneSpec, resolve
from prunesweep.training.settings import SGD, Adam, Optimizer

SHAPES = {"fc1.weight": (300, 784), "fc1.bias": (300,), "fc2.weight": (100, 300), "fc2.bias": (100,)}
SHAPES["fc3.weight"] = (10, 100)
LAYERS = ("fc1.weight", "fc3.weight")
TOTAL = 784 * 300 + 1_000


def spec(*layers: str, **settings: Any) -> PruneSpec:
    """Return the resolved pruning of the parameters `layers` of LeNet-300-100."""
    return resolve(Pruning(**settings), {name: SHAPES[name] for name in layers or LAYERS}, 266_610)


EPOCH = TrainEpoch("data", SGD(), lr=0.03, batch_size=500, index=0, seed=0)
PRUNE = Prune("data", spec(amount=0.5, batches=2), LAYERS, index=0, seed=0)
RAMP = RampEpoch("data", SGD(), 0.03, 500, 1, 0, spec(amount=0.9), LAYERS, number=0, of=2, every=2, regrow=False)


def pruned_count(state: State) -> int:
    return sum(int((~mask).sum()) for mask in state.masks.values())


@pytest.fixture(scope="module")
def start() -> State:
    return initial_state()


@pytest.fixture(scope="module")
def pruned(start: State) -> State:
    return PRUNE.apply(start, CONTEXT)[0]


def test_pruning_masks_the_selected_parameters_and_sets_pruned_weights_to_zero(start: State, pruned: State) -> None:
    assert set(pruned.masks) == {"fc1.weight", "fc3.weight"}
    assert pruned_count(pruned) == round(0.5 * TOTAL)
    assert pruned.sparsity == round(0.5 * TOTAL) / TOTAL
    for name, mask in pruned.masks.items():
        assert mask.dtype == torch.bool
        zeros = pruned.weights[name][~mask]
        assert (zeros == 0).all()
        assert not torch.signbit(zeros).any()
        assert torch.equal(pruned.weights[name][mask], start.weights[name][mask])
    assert torch.equal(pruned.weights["fc2.weight"], start.weights["fc2.weight"])
    assert pruned.optimizer == {}


def test_pruning_twice_is_nested_and_reaches_the_higher_amount(pruned: State) -> None:
    further = replace(PRUNE, spec=spec(amount=0.9), index=1).apply(pruned, CONTEXT)[0]
    assert further.sparsity == pytest.approx(0.9, abs=1e-5)
    assert all(not (further.masks[name] & ~mask).any() for name, mask in pruned.masks.items())


def test_random_pruning_prunes_the_exact_count_and_depends_on_the_seed(start: State) -> None:
    step = replace(PRUNE, spec=spec(criterion="random", amount=0.3))
    first, again, other = (one.apply(start, CONTEXT)[0] for one in (step, step, replace(step, seed=1)))
    assert pruned_count(first) == round(0.3 * TOTAL)
    assert equal(first, again)
    assert not equal(first, other)


@pytest.mark.parametrize("optimizer", [SGD(), Adam(weight_decay=0.1)], ids=lambda optimizer: optimizer.name)
def test_pruned_weights_are_exactly_zero_after_fine_tuning(start: State, optimizer: Optimizer) -> None:
    step = replace(EPOCH, optimizer=optimizer, lr=optimizer.lr)
    dense = step.apply(start, CONTEXT)[0]
    assert dense.optimizer, "there is momentum before the pruning"
    state = PRUNE.apply(dense, CONTEXT)[0]
    for index in (1, 2):
        state, record = replace(step, index=index).apply(state, CONTEXT)
        assert record["sparsity"] == pytest.approx(0.5, abs=1e-5)
    for name, mask in state.masks.items():
        assert (state.weights[name][~mask] == 0).all()
        assert not torch.equal(state.weights[name][mask], dense.weights[name][mask])


KINDS = [(scope, structure) for scope in SCOPES for structure in ("unstructured", "channel")]
KINDS.remove(("output", "channel"))  # which ranks single weights
KINDS += [("global", "n_of_m")]  # which prunes every group alike


@pytest.mark.parametrize(("scope", "structure"), KINDS)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_scope_and_structure(criterion: str, scope: str, structure: str, start: State) -> None:
    """Counts are exact, masks are nested, pruned weights are exactly zero, and masks are repeatable."""
    layers = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias") if structure == "channel" else LAYERS
    settings = {"criterion": criterion, "scope": scope, "structure": structure, "batches": 1, "batch_size": 16}
    half = replace(PRUNE, spec=spec(*layers, amount=0.5, **settings), layers=layers)
    start = replace(start, movement={name: start.weights[name].sin() for name in layers})
    context = replace(CONTEXT, recall=lambda _: initial_state(seed=1))
    first, again = (half.apply(start, context)[0] for _ in range(2))
    assert equal(first, again)
    assert set(first.masks) == set(layers)
    for name, mask in first.masks.items():
        assert (first.weights[name][~mask] == 0).all()
    if structure == "channel":
        assert sum(int((~first.masks[name]).sum()) for name in ("fc1.bias", "fc2.bias")) == 200
        assert all(torch.equal(first.masks[f"{n}.weight"].any(1), first.masks[f"{n}.bias"]) for n in ("fc1", "fc2"))
    else:
        assert pruned_count(first) == round(0.5 * TOTAL)
    if structure != "n_of_m":
        further = replace(half, spec=spec(*layers, amount=0.8, **settings), index=1).apply(first, context)[0]
        assert pruned_count(further) > pruned_count(first)
        assert all(not (further.masks[name] & ~mask).any() for name, mask in first.masks.items())


def test_more_passes_prune_the_same_count_but_other_weights(start: State) -> None:
    specs = (spec(criterion="synflow", amount=0.99, iterations=count) for count in (1, 10))
    one, many = (replace(PRUNE, spec=each).apply(start, CONTEXT)[0] for each in specs)
    assert pruned_count(one) == pruned_count(many) == round(0.99 * TOTAL)
    assert any(not torch.equal(one.masks[name], many.masks[name]) for name in LAYERS)


@pytest.mark.parametrize("protect", ["none", "paths"])
def test_protection_keeps_the_count_and_records_what_it_kept(protect: str, start: State) -> None:
    """13 of 236,200 weights are as many as a network with a path to each class needs: 1 + 1 + 10, and one more."""
    layers = ("fc1.weight", "fc2.weight", "fc3.weight")
    total = sum(math.prod(SHAPES[name]) for name in layers)
    step = replace(PRUNE, spec=spec(*layers, amount=1 - 13 / total, protect=protect), layers=layers)
    after, record = step.apply(start, CONTEXT)
    left = [int(after.masks[name].sum()) for name in layers]
    assert sum(left) == 13
    if protect == "paths":
        assert record["protected"] > 0
        assert left[0] == 1
        assert after.masks["fc3.weight"].any(1).all(), "each class has a weight"
        assert equal(after, step.apply(start, CONTEXT)[0])
    else:
        assert "protected" not in record
        assert not after.masks["fc1.weight"].any()


def test_the_criterion_none_prunes_nothing(start: State) -> None:
    state, record = replace(PRUNE, spec=spec(criterion="none")).apply(start, CONTEXT)
    assert record["sparsity"] == 0
    assert set(state.masks) == set(LAYERS)


def nonsense(of: object) -> torch.Tensor:
    return torch.full((3,), float("nan"))


def test_scores_that_cannot_be_ranked_are_refused(start: State) -> None:
    own = spec(criterion="custom", amount=0.5, target=f"{__name__}.nonsense")
    with pytest.raises(NoScore, match=r"the scores of fc1.weight must be numbers of shape \[300, 784\] .*3 NaN"):
        replace(PRUNE, spec=own).apply(start, replace(CONTEXT, recall=lambda _: start))


def test_convolutions_are_scored_in_the_layout_of_the_network() -> None:
    context = replace(CONTEXT, model=LeNet5())
    snip = PruneSpec("snip", Fractions(0.5), sample=(1, 8))
    step = Prune("data", snip, ("conv2.weight",), 0, 0)
    assert pruned_count(step.apply(initial_state(context), context)[0]) == 1_200


@pytest.mark.parametrize("regrow", [False, True])
def test_sparsity_rises_during_an_epoch(regrow: bool, start: State) -> None:
    first = replace(RAMP, regrow=regrow)
    half, record = first.apply(start, CONTEXT)  # seven batches of 500; the masks change after 2, 4, 6, 7
    assert pruned_count(half) == round(cubic(0.9, 0.5) * TOTAL)
    assert record["sparsity"] == half.sparsity
    assert set(half.dense) == (set(LAYERS) if regrow else set())
    full, _ = replace(first, number=1, index=2).apply(half, CONTEXT)
    assert pruned_count(full) == round(0.9 * TOTAL)
    assert full.dense == {}
    for state in (half, full):
        for name, mask in state.masks.items():
            assert (state.weights[name][~mask] == 0).all()
    for name, mask in full.masks.items():
        assert not full.optimizer[f"{name}/momentum_buffer"][~mask].any()
    nested = all(not (full.masks[name] & ~mask).any() for name, mask in half.masks.items())
    assert nested is not regrow


@pytest.mark.parametrize("regrow", [False, True])
def test_a_ramp_from_a_stored_state_gives_the_same_bits(regrow: bool, start: State) -> None:
    from safetensors.torch import load, save

    step = replace(RAMP, regrow=regrow)
    half, _ = step.apply(start, CONTEXT)
    following = replace(step, number=1, index=2)
    stored = State.of(load(save(half.tensors())))
    assert equal(following.apply(half, CONTEXT)[0], following.apply(stored, CONTEXT)[0])


def test_sparsity_rises_along_the_chosen_curve(start: State) -> None:
    half, _ = replace(RAMP, curve="geometric").apply(start, CONTEXT)
    assert pruned_count(half) == round((1 - 0.1**0.5) * TOTAL)
    assert replace(RAMP, curve="cubic").describe() == RAMP.describe() != replace(RAMP, curve="linear").describe()
    assert "curve" not in RAMP.describe()


def test_pruned_weights_keep_training_under_the_mask_if_they_may_return(start: State) -> None:
    half, _ = replace(RAMP, regrow=True).apply(start, CONTEXT)
    for name, mask in half.masks.items():
        assert torch.equal(half.dense[name][mask], half.weights[name][mask])
        assert half.dense[name][~mask].any()
        assert not torch.equal(half.dense[name][~mask], start.weights[name][~mask])


def test_the_phase_and_round_of_a_ramp_are_not_described() -> None:
    assert replace(RAMP, phase="ramp", round=1).describe() == RAMP.describe()
    assert replace(RAMP, every=3).describe() != RAMP.describe()


def test_each_step_has_a_summary_and_a_kind() -> None:
    assert (PRUNE.kind, PRUNE.summary()) == ("prune", "0.5 by l1, global")
    assert (RAMP.kind, RAMP.summary()) == ("prune", "0.9 by l1, global (epoch 2)")


@pytest.mark.parametrize("regrow", [False, True])
def test_a_ramp_whose_weights_are_not_finite_ends_like_any_other_epoch(regrow: bool, start: State) -> None:
    with pytest.raises(Diverged, match=r"training diverged: fc1.weight is not finite after epoch 2 at a learning rate"):
        replace(RAMP, lr=math.inf, batch_size=len(CONTEXT.data.train), regrow=regrow).apply(start, CONTEXT)


def kept(step: Prune, state: State, context: Context = CONTEXT) -> dict[str, torch.Tensor]:
    return dict(step.apply(state, context)[0].masks)


def test_scores_of_the_initialization_do_not_depend_on_the_training(start: State) -> None:
    trained = replace(start, weights={name: torch.ones_like(weight) for name, weight in start.weights.items()})
    step = replace(PRUNE, spec=spec(criterion="l1", amount=0.5, at="init"))
    context = replace(CONTEXT, recall={0: start}.__getitem__)
    assert step.recalls == (0,)
    expected = kept(PRUNE, start)
    found = step.apply(trained, context)[0]
    for name, mask in expected.items():
        assert torch.equal(found.masks[name], mask)
        assert (found.weights[name][mask] == 1).all(), "the weights stay trained"


def test_scores_of_the_initialization_are_those_under_the_masks_so_far(start: State, pruned: State) -> None:
    step = replace(PRUNE, spec=spec(criterion="snip", amount=0.9, at="init", batches=1), index=1)
    context = replace(CONTEXT, recall=lambda _: start)
    initial = masked(replace(pruned, weights=start.weights))
    trained = replace(step, spec=replace(step.spec, scored="trained"))
    assert equal(step.apply(pruned, context)[0], trained.apply(initial, context)[0])


def test_the_increase_of_magnitudes_is_measured_from_the_initialization(start: State) -> None:
    grown = {name: weight * (2.0 if name == "fc1.weight" else 0.5) for name, weight in start.weights.items()}
    step = replace(PRUNE, spec=spec(criterion="magnitude_increase", amount=1000 / TOTAL))
    assert step.recalls == (0,)
    masks = kept(step, replace(start, weights=grown), replace(CONTEXT, recall=lambda _: start))
    assert masks["fc1.weight"].all()
    assert not masks["fc3.weight"].any()


def test_training_records_the_movement_and_pruning_uses_it(start: State) -> None:
    epoch = replace(EPOCH, tracked=LAYERS)
    plain, _ = EPOCH.apply(start, CONTEXT)
    tracked, _ = epoch.apply(start, CONTEXT)
    assert {name: tensor.shape for name, tensor in tracked.movement.items()} == {
        name: start.weights[name].shape for name in LAYERS
    }
    assert equal(plain, replace(tracked, movement={})), "recording does not change the training"
    further, _ = replace(epoch, index=1).apply(tracked, CONTEXT)
    assert not torch.equal(further.movement["fc1.weight"], tracked.movement["fc1.weight"])
    masks = kept(replace(PRUNE, spec=spec(criterion="movement", amount=0.5)), further)
    for name, mask in masks.items():
        scores = further.movement[name]
        lowest = min(float(further.movement[each][one].min()) for each, one in masks.items())
        assert not mask.all()
        assert (scores[~mask] <= lowest).all()


@pytest.mark.parametrize("regrow", [False, True])
def test_a_ramp_by_movement_needs_no_training_before(regrow: bool, start: State) -> None:
    step = replace(RAMP, spec=spec(criterion="movement", amount=0.9), tracked=LAYERS, regrow=regrow, number=1)
    after, record = step.apply(start, CONTEXT)
    assert record["sparsity"] == pytest.approx(0.9, abs=1e-5)
    moved = after.movement["fc1.weight"][~after.masks["fc1.weight"]]
    assert moved.any()
