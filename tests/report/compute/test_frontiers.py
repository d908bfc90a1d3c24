import math
from pathlib import Path

import pytest
from fakes import TOTAL, Sweep, fake_fields, fake_run

from prunesweep.report.compute.frontiers import frontier, volume
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import experiments


def scored(val: float, test: float) -> dict[str, dict[str, float]]:
    return {"final": {"val_accuracy": val, "test_accuracy": test}}


def test_networks_are_selected_by_validation_accuracy_only(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, **scored(0.97, 0.90)))
    fake_run(tmp_path / "1", fake_fields(0.4, 0, **scored(0.96, 0.99)))  # larger, and less accurate in validation
    fake_run(tmp_path / "2", fake_fields(0.2, 0, **scored(0.98, 0.95)))
    runs = gather([tmp_path]).completed
    front = frontier("params_nonzero", range(3), ["prune.amount"], runs, experiments(runs))
    assert front.members == [0, 2]
    assert front.choices == [0, 2]
    assert front.knee is None
    assert front.of_value["prune.amount"] == [(0.5, [0]), (0.4, [1]), (0.2, [2])]


def test_the_cheapest_is_first_on_every_axis(sweep: Sweep) -> None:
    runs = gather([sweep(amounts=(0.2, 0.5, 0.9))]).completed
    groups = experiments(runs)
    for axis in ("params_nonzero", "compression", "macs_nonzero"):
        assert frontier(axis, range(3), [], runs, groups).members == [2, 1, 0], axis
    assert frontier("file_bytes", range(3), [], runs, groups).members == []


def test_surfaces_need_two_seeds(sweep: Sweep) -> None:
    one = gather([sweep("one", (0.2, 0.5), (0,))]).completed
    assert frontier("params_nonzero", range(2), [], one, experiments(one)).surfaces == {}
    two = gather([sweep("two", (0.5,), (0, 1))]).completed
    surfaces = frontier("params_nonzero", range(1), [], two, experiments(two)).surfaces
    best, worst = (run.result["final"]["test_accuracy"] for run in two)
    assert surfaces == {"one": [(30_853, best)], "half": [(30_853, best)], "all": [(30_853, worst)]}


def test_the_hypervolume_is_accuracy_above_chance_times_decades_of_parameters(tmp_path: Path) -> None:
    left = {"params_total": 1_000, "params_nonzero": 10}
    fake_run(tmp_path / "0", fake_fields(0.5, 0, **scored(0.5, 0.6), **left))
    fake_run(tmp_path / "1", fake_fields(0.5, 1, **scored(0.5, 0.8), **left))
    spread = volume(gather([tmp_path]).completed)
    assert spread is not None
    assert spread.mean == pytest.approx(2 * 0.6)  # two decades, 0.5 and 0.7 above chance
    assert spread.sd == pytest.approx(2 * math.sqrt(0.02))
    assert TOTAL == 61_706
