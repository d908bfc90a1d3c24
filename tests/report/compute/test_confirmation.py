from pathlib import Path

import pytest
from fakes import fake_fields, fake_run

from prunesweep.report.compute.confirmation import confirmations
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import experiments


def scored(val: float) -> dict[str, dict[str, float]]:
    return {"final": {"val_accuracy": val, "test_accuracy": val - 0.01}}


def search(folder: Path, prefix: str = "") -> Path:
    """Write a search of two trials, of which the first was confirmed with seeds 5 and 6."""
    for name, amount, seed, val in (
        ("0/seed=0", 0.5, 0, 0.96),
        ("0/seed=1", 0.5, 1, 0.94),
        ("1/seed=0", 0.9, 0, 0.9),
        ("confirmed/0/seed=5", 0.5, 5, 0.93),
        ("confirmed/0/seed=6", 0.5, 6, 0.95),
    ):
        fake_run(folder / name, fake_fields(amount, seed, digest=prefix + name, **scored(val)))
    (folder / "optimization_results.yaml").write_text("")
    return folder


def test_new_runs_are_compared_with_those_of_the_same_trial(tmp_path: Path) -> None:
    runs = gather([search(tmp_path)])
    groups = experiments(runs.completed)
    assert len(runs.completed) == 3
    found = confirmations(runs.confirmed, runs.completed, groups)
    assert list(found) == [0]
    assert found[0].seeds == 2
    assert found[0].val.mean == pytest.approx(0.94)
    assert found[0].test.mean == pytest.approx(0.93)
    assert found[0].difference == pytest.approx(-0.01)


def test_trials_of_several_searches_are_not_mixed_up(tmp_path: Path) -> None:
    searches = [search(tmp_path / name, name) for name in ("a", "b")]
    runs = gather(searches)
    assert [run.name.removeprefix(str(tmp_path)) for run in runs.confirmed] == [
        f"/{name}/0/seed={seed}" for name in "ab" for seed in (5, 6)
    ]
    (found,) = confirmations(runs.confirmed, runs.completed, experiments(runs.completed)).values()
    assert found.seeds == 2  # both searches have the same settings and seeds


def test_a_grid_has_no_confirmations(tmp_path: Path) -> None:
    folder = search(tmp_path)
    (folder / "optimization_results.yaml").unlink()
    assert gather([folder]).confirmed == ()
