from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from chains import CONTEXT

from prunesweep.chain.context import Context
from prunesweep.chain.costs import RUN, START, Meter, kind, where
from prunesweep.chain.observations import Count, Evaluate
from prunesweep.chain.steps import Described, Rewind
from prunesweep.chain.teacher import Teacher
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.data.settings import NamedDataset
from prunesweep.models.settings import LeNet5, LeNet300100
from prunesweep.store.costs import Spent
from prunesweep.store.store import Store
from prunesweep.training.settings import SGD, Adam

ROOT = {"device": "processor", "threads": 2}
HERE = where(CONTEXT, ROOT)
EPOCH = TrainEpoch("data", SGD(), 0.1, 8, index=0, seed=0)


@dataclass(frozen=True)
class Small(Described):
    """Something that is measured."""


def test_steps_that_cost_the_same_are_of_one_kind() -> None:
    assert kind(EPOCH, HERE) == kind(replace(EPOCH, index=5, seed=1, lr=0.01, phase="finetune"), HERE)
    weights = Context(LeNet300100(weights="/a/file"), NamedDataset(), "cpu")
    assert kind(EPOCH, HERE) == kind(EPOCH, where(weights, ROOT))


def test_what_changes_the_cost_changes_the_kind() -> None:
    other_network = where(Context(LeNet5(), NamedDataset(), "cpu"), ROOT)
    other_data = where(Context(LeNet300100(), NamedDataset("mnist"), "cpu"), ROOT)
    other_split = where(Context(LeNet300100(), NamedDataset(validation=1_000), "cpu"), ROOT)
    kinds = [
        *(kind(what, HERE) for what in (EPOCH, Rewind(0), Evaluate("data"), Count(()), RUN)),
        kind(replace(EPOCH, batch_size=16), HERE),
        kind(replace(EPOCH, optimizer=Adam()), HERE),
        kind(replace(EPOCH, teacher=Teacher(0, 0.5, 1.0)), HERE),
        *(kind(EPOCH, there) for there in (other_network, other_data, other_split)),
        kind(EPOCH, where(CONTEXT, {**ROOT, "threads": 1})),
        kind(EPOCH, where(CONTEXT, {**ROOT, "device": "another processor"})),
    ]
    assert len(set(kinds)) == len(kinds)


def test_nested_computations_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("prunesweep.chain.costs.time", SimpleNamespace(perf_counter=lambda: now))
    store, meter = Store(tmp_path), Meter(CONTEXT, ROOT)
    with meter.measure(EPOCH, store):
        with meter.measure(Small(), store):
            now += 5
            store.save("ab" + "0" * 62, "", {}, {"weights/x": torch.zeros(9)}, {})
        now += 2
    inner, outer = meter.spent
    assert (inner.seconds, outer.seconds) == (5, 2)
    assert inner.size == store.written
    assert outer.size == 0


def test_the_rest_of_a_run_is_what_its_steps_do_not_take() -> None:
    meter = Meter(CONTEXT, ROOT)
    with meter.measure(EPOCH, Store(None)):
        pass
    meter.add_run(meter.spent[0].seconds + 3)
    assert abs(meter.spent[1].seconds - 3) < 1e-6


def test_a_slow_first_step_is_the_cost_of_a_new_process() -> None:
    meter = Meter(CONTEXT, ROOT)
    meter.spent = [Spent("epoch", seconds, 0) for seconds in (9.0, 1.0, 1.0)]
    meter.spent += [Spent("evaluation", seconds, 0) for seconds in (1.1, 1.0, 1.0)]
    meter.add_run(20)
    assert [(each.kind, each.seconds) for each in meter.spent[-2:]] == [
        (kind(RUN, HERE), pytest.approx(20 - 11 - 3.1)),
        (kind(START, HERE), 8.0),
    ]
