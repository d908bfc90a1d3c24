from pathlib import Path

import pytest
from fakes import Sweep, fake_fields

from prunesweep.report.compute.gather import Runs, gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.payload import payload
from prunesweep.results.run_directory import RunDirectory


def test_the_payload_contains_shared_settings_once(sweep: Sweep) -> None:
    data = payload(compute(gather([sweep()])), Path())
    assert data["settings"]["shared"]["model.name"] == "lenet5"
    assert data["settings"]["varying"]["prune.amount"]["values"] == [0.2, 0.5, 0.8, 0.9, 0.99]
    assert data["runs"]["curve"][0] == pytest.approx([0.88, 0.97, 0.98], abs=1e-4)


def curve(**changes: object) -> list[float]:
    run = RunDirectory(Path("0"), "0", fake_fields(0.5, 0, **changes))
    data = payload(compute(Runs(("sweep",), (run,))), Path())
    return list(data["runs"]["curve"][0])


def history(*phases: str) -> list[dict[str, object]]:
    return [
        {"phase": phase, "round": 0, "val_accuracy": number / 10, "seconds": 1.0} for number, phase in enumerate(phases)
    ]


SCORES = {
    "dense": {"val_accuracy": 0.98, "test_accuracy": 0.98},
    "pruned": {"val_accuracy": 0.88, "test_accuracy": 0.88},
}


def test_the_curve_of_fine_tuning_begins_directly_after_pruning() -> None:
    assert curve(**SCORES, history=history("dense", "dense", "finetune")) == [0.88, 0.2]


def test_the_curve_of_a_gradual_run_begins_with_the_dense_network() -> None:
    assert curve(**SCORES, history=history("dense", "ramp", "ramp", "finetune")) == [0.98, 0.1, 0.2, 0.3]
