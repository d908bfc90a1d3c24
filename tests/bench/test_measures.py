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


@NEEDS_PACKED
def test_sizes_count_whole_files_and_are_repeatable() -> None:
    state = initial_state()
    for kind in (FileBytes, PackedBytes):
        measure = kind().of(RESULT)
        record = measure.observe(state, CONTEXT)
        assert measure.fits(record)
        assert record == measure.observe(state, CONTEXT)
        assert not measure.fits({"value": "1"})
    dense = sum(4 * tensor.numel() for tensor in state.weights.values())
    assert FileBytes().of(RESULT).observe(state, CONTEXT)["value"] > dense, "the header counts"


@NEEDS_PACKED
def test_fewer_weights_need_fewer_bytes() -> None:
    state = initial_state()
    weights = {name: tensor * (tensor.abs() > 0.03) for name, tensor in state.weights.items()}
    for kind in (FileBytes, PackedBytes):
        sizes = [
            kind().of(RESULT).observe(each, CONTEXT)["value"]
            for each in (state, type(state)(weights=weights, masks=state.masks))
        ]
        assert sizes[1] < sizes[0]


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
