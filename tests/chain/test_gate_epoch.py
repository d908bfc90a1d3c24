from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.gate_epoch import GateEpoch
from prunesweep.chain.prune_steps import Prune
from prunesweep.chain.state import State
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.training.hard_concrete import START, HardConcrete
from prunesweep.training.settings import SGD

LAYERS = ("fc1.weight", "fc3.weight")
EPOCH = GateEpoch(
    *("data", SGD(), 0.03, 1_000, 4, 0, PruneSpec("l1", Fractions(0.5)), LAYERS),
    penalty="hard_concrete", strength=1e-4, tolerance=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def start() -> State:
    return initial_state()


@pytest.fixture(scope="module")
def after(start: State) -> State:
    return EPOCH.apply(start, CONTEXT)[0]


def test_the_state_holds_the_weights_times_their_gates_without_noise(after: State) -> None:
    assert set(after.gates) == set(after.dense) == set(LAYERS)
    for name in LAYERS:
        gates = HardConcrete(after.gates[name]).eval().gates()
        assert torch.equal(after.weights[name], (after.dense[name] * gates).detach())
        assert (after.gates[name] != START).all()
    assert after.masks == {}


def test_a_strong_penalty_closes_the_gates_until_the_target_is_met(start: State) -> None:
    closed = {name: torch.full_like(start.weights[name], -3.0) for name in LAYERS}
    state = replace(start, gates=closed, dense={name: start.weights[name] for name in LAYERS})
    found, record = replace(EPOCH, strength=1.0).apply(state, CONTEXT)
    assert record["sparsity"] == 0.5
    assert found.gates == found.dense == {}
    assert not found.weights["fc1.weight"].any()


def test_an_epoch_from_a_stored_state_gives_the_same_bits(after: State) -> None:
    from safetensors.torch import load, save

    following = replace(EPOCH, index=5)
    stored = State.of(load(save(after.tensors())))
    assert equal(stored, after)
    assert equal(following.apply(after, CONTEXT)[0], following.apply(stored, CONTEXT)[0])


def test_a_pruning_takes_the_gates_away(after: State) -> None:
    pruned = Prune("data", EPOCH.spec, LAYERS, 0, 0).apply(after, CONTEXT)[0]
    assert pruned.gates == pruned.dense == {}
    for name, mask in pruned.masks.items():
        assert torch.equal(pruned.weights[name][mask], after.weights[name][mask])
        assert not pruned.weights[name][~mask].any()
