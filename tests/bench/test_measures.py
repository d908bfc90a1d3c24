import importlib.util
from pathlib import Path

import pytest
import torch
from c_files import NEEDS_COMPILER
from chains import CONTEXT, initial_state
from support import NEEDS_PACKED
from torch import nn

from prunesweep.bench import measures
from prunesweep.bench.measures import FileBytes, Latency, PackedBytes
from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.data.settings import NamedDataset
from prunesweep.errors import UsageError
from prunesweep.models.settings import CustomModel

RESULT = {"final": {"test_accuracy": 0.5}, "params_total": 266_610, "params_nonzero": 266_610, "digest": "ab" * 32}


class Sigmoids(nn.Module):
    """A network with an operation that C files cannot contain."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.fc(images.flatten(1))
        return hidden + hidden.sin()


def sparse(above: float) -> State:
    """Return an untrained network that keeps the weights whose magnitude is larger. All are smaller than 0.1."""
    weights = {name: tensor.where(tensor.abs() > above, 0) for name, tensor in initial_state().weights.items()}
    return State(weights, {})


@NEEDS_PACKED
def test_sizes_are_repeatable() -> None:
    state = sparse(0.08)
    for kind in (FileBytes, PackedBytes):
        measure = kind().of(RESULT)
        record = measure.observe(state, CONTEXT)
        assert measure.fits(record)
        assert record == measure.observe(state, CONTEXT)
        assert not measure.fits({"value": "1"})


def test_sizes_count_whole_files() -> None:
    state = initial_state()
    dense = sum(4 * tensor.numel() for tensor in state.weights.values())
    assert FileBytes().of(RESULT).observe(state, CONTEXT)["value"] > dense, "the header counts"


@NEEDS_PACKED
def test_fewer_weights_need_fewer_bytes() -> None:
    for kind in (FileBytes, PackedBytes):
        more, fewer = (kind().of(RESULT).observe(sparse(above), CONTEXT)["value"] for above in (0.05, 0.08))
        assert fewer < more


def test_what_is_written_about_a_network_does_not_change_its_digest() -> None:
    assert PackedBytes().of(RESULT).describe() == PackedBytes().describe() != FileBytes().describe()


def test_latencies_of_two_machines_are_two_measurements() -> None:
    assert Latency(machine="one").describe() != Latency(machine="another").describe()


@NEEDS_COMPILER
def test_a_latency_is_a_time() -> None:
    assert 0 < Latency().of(RESULT).observe(initial_state(), CONTEXT)["value"] < 1e6


def test_a_missing_package_and_a_missing_compiler_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "constriction" else find(name))
    with pytest.raises(UsageError, match=r"needs constriction: install prunesweep with its extra \[packed\]"):
        PackedBytes.check(CONTEXT)
    monkeypatch.setattr(measures, "find_compiler", lambda: None)
    with pytest.raises(UsageError, match="there is no C compiler"):
        Latency.check(CONTEXT)
    measures.machine.cache_clear()
    assert measures.machine() == measures.cpu_name(Path("/proc/cpuinfo"))
    measures.machine.cache_clear()


@NEEDS_COMPILER
def test_a_network_that_c_files_cannot_contain_is_refused_before_training() -> None:
    custom = Context(CustomModel(target=f"{__name__}.Sigmoids"), NamedDataset(), "cpu")
    with pytest.raises(UsageError, match="cannot be exported"):
        Latency.check(custom)
