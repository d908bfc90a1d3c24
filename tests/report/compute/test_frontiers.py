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


def test_the_hypervolume_is_that_of_a_search(tmp_path: Path) -> None:
    # Means over seeds: (accuracy, reduction) = (0.9, 0.2) and (0.8, 0.6).
    points = [(0.88, 0.2, 0, "a"), (0.92, 0.2, 1, "a"), (0.8, 0.6, 0, "b")]
    for number, (accuracy, reduction, seed, digest) in enumerate(points):
        fields = fake_fields(reduction, seed, digest=f"{digest}{seed}", **scored(accuracy, 0.5))
        fake_run(tmp_path / str(number), fields)
    runs = gather([tmp_path]).completed
    found = volume([0, 1], runs, experiments(runs))
    assert found.value == pytest.approx(0.9 * 0.2 + 0.8 * 0.4)
    assert (found.goals, found.reference) == (("final.val_accuracy", "param_reduction"), (0, 0))


@pytest.mark.parametrize(
    ("objectives", "goals", "value"),
    [
        (["val_accuracy", "params_nonzero"], ("final.val_accuracy", "params_nonzero"), 0.9 * 0.5 * TOTAL),
        (["nothing"], ("final.val_accuracy", "param_reduction"), 0.9 * 0.5),
        (["theoretical_speedup"], ("final.val_accuracy", "param_reduction"), 0.9 * 0.5),  # not in these results
    ],
)
def test_the_objectives_are_those_of_the_search(
    objectives: list[str], goals: tuple[str, ...], value: float, tmp_path: Path
) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, **scored(0.9, 0.5)))
    (run,) = gather([tmp_path]).completed
    run.__dict__["settings"] = {"search.objectives": str(objectives).replace("'", "")}  # in place of the file
    found = volume([0], [run], experiments([run]))
    assert found.goals == goals
    assert found.value == pytest.approx(value)
