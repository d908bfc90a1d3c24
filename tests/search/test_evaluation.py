import json
from pathlib import Path
from typing import Any

from fakes import fake_fields

from prunesweep.results.objectives import objective
from prunesweep.results.result import write_failed
from prunesweep.search.evaluation import directories, outcome

GOALS = [objective("val_accuracy"), objective("param_reduction")]


def completed(folder: Path, accuracy: Any) -> None:
    folder.mkdir(parents=True)
    fields = fake_fields(
        0.5,
        0,
        dense={"val_accuracy": 0.9, "test_accuracy": 0.9},
        final={"val_accuracy": accuracy, "test_accuracy": 0.9},
    )
    (folder / "result.json").write_text(json.dumps(fields))


def test_a_single_run_is_in_the_directory_of_the_trial_and_several_runs_are_below_it() -> None:
    assert directories(17, [3]) == {3: "17"}
    assert directories(17, [3, 4]) == {3: "17/seed=3", 4: "17/seed=4"}


def test_mean_and_deviation_over_the_seeds(tmp_path: Path) -> None:
    completed(tmp_path / "7" / "seed=0", 0.8)
    completed(tmp_path / "7" / "seed=1", 0.9)
    found = outcome(tmp_path, 7, [0, 1], GOALS)
    assert found.runs == {0: [0.8, 0.5], 1: [0.9, 0.5]}
    assert [round(value, 10) for value in found.values] == [0.85, 0.5]
    assert abs(found.deviations[0] - 0.1 / 2**0.5) < 1e-12
    assert found.noted["dense.val_accuracy"] == 0.9
    assert found.noted["worst param_reduction"] == 0


def test_a_failed_or_missing_run_fails_the_trial(tmp_path: Path) -> None:
    completed(tmp_path / "7" / "seed=0", 0.8)
    assert "did not finish" in str(outcome(tmp_path, 7, [0, 1], GOALS).reason)
    write_failed(tmp_path / "7" / "seed=1", [], ValueError("why"))
    assert outcome(tmp_path, 7, [0, 1], GOALS).reason == "why"


def test_nan_fails_the_trial(tmp_path: Path) -> None:
    completed(tmp_path / "7", float("nan"))
    assert outcome(tmp_path, 7, [0], GOALS).reason == "result.json: NaN is not JSON"
