from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.observations import Evaluate
from prunesweep.chain.prune_steps import Prune
from prunesweep.chain.quantize_steps import CodebookEpoch, EvaluateInteger, ToCodebook, ToInt8, evaluation
from prunesweep.chain.state import State
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.quantization.codebook import groups
from prunesweep.quantization.symmetric import dequantized
from prunesweep.training.settings import SGD

NAMES = tuple(f"{layer}.{role}" for layer in ("fc1", "fc2", "fc3") for role in ("weight", "bias"))
SHARED = groups(NAMES, shared=False)


@pytest.fixture(scope="module")
def pruned() -> State:
    spec = PruneSpec("l1", Fractions(0.9))
    return Prune("data", spec, tuple(name for name in NAMES if name.endswith("weight")), 0, 0).apply(
        initial_state(), CONTEXT
    )[0]


def entries(state: State) -> list[int]:
    values = [torch.cat([state.weights[name].flatten() for name in group]) for group in SHARED]
    return [len(each[each != 0].unique()) for each in values]


def test_a_codebook_keeps_the_masks_and_holds_after_training(pruned: State) -> None:
    state, record = ToCodebook(SHARED, (), 8).apply(pruned, CONTEXT)
    assert record == {"entries": entries(state)}
    assert max(entries(state)) <= 8
    epoch = CodebookEpoch("data", SGD(), 0.01, 64, 0, 0, groups=SHARED, rounded=(), phase="quantize", round=1)
    trained, record = epoch.apply(state, CONTEXT)
    assert record["epoch"] == 1
    assert [found <= before for found, before in zip(entries(trained), entries(state), strict=True)] == [True] * 3
    for found in (state, trained):
        assert found.masks.keys() == pruned.masks.keys()
        assert all(torch.equal(found.masks[name], pruned.masks[name]) for name in pruned.masks)
        assert all(torch.equal(found.weights[name] != 0, mask) for name, mask in pruned.masks.items())
        assert all(torch.equal(weight, weight.half().float()) for weight in found.weights.values())
        assert found.optimizer == {}
    assert not torch.equal(trained.weights["fc1.weight"], state.weights["fc1.weight"])
    assert equal(epoch.apply(state, CONTEXT)[0], trained)


def test_other_parameters_are_only_rounded(pruned: State) -> None:
    weights, biases = (tuple(name for name in NAMES if name.endswith(role)) for role in ("weight", "bias"))
    state, _ = ToCodebook((weights,), biases, 4).apply(pruned, CONTEXT)
    assert torch.equal(state.weights["fc1.bias"], pruned.weights["fc1.bias"].half().float())
    assert len(torch.cat([state.weights[name].flatten() for name in weights]).unique()) <= 5


def test_integers_score_about_like_the_network(pruned: State) -> None:
    step = ToInt8("data", 200, 0)
    state, _ = step.apply(replace(pruned, optimizer={"fc1.weight/momentum_buffer": torch.ones(1)}), CONTEXT)
    assert state.optimizer == {}
    assert torch.equal(state.weights["fc1.weight"], dequantized(pruned.weights["fc1.weight"]))
    assert torch.equal(state.weights["fc1.bias"], pruned.weights["fc1.bias"])
    assert equal(step.apply(state, CONTEXT)[0], state), "rounding again changes nothing"
    observation = evaluation([step], 0, "data")
    assert observation == EvaluateInteger("data", 200, 0)
    found, expected = observation.observe(state, CONTEXT), Evaluate("data").observe(state, CONTEXT)
    assert found["test_accuracy"] == pytest.approx(expected["test_accuracy"], abs=0.02)
    assert found["test_loss"] == pytest.approx(expected["test_loss"], rel=0.02)
    assert len(found["scales"]) == 3
    assert observation.fits(found)
    assert not observation.fits(expected)
    assert not Evaluate("data").fits(found)
    assert observation.observe(state, CONTEXT) == found


def test_other_steps_are_evaluated_as_before() -> None:
    assert evaluation([ToCodebook(SHARED, (), 8)], 0, "data") == Evaluate("data")
    assert EvaluateInteger("data", 1, 0).describe() != EvaluateInteger("data", 2, 0).describe()
