import json
from pathlib import Path
from typing import Any

import pytest
from fakes import fake_fields
from omegaconf import OmegaConf

from prunesweep.results.objectives import objective
from prunesweep.results.result import write_failed
from prunesweep.search.evaluation import TrialRun, has_settings, outcome

GOALS = [objective("val_accuracy"), objective("param_reduction")]


RUN = TrialRun(0, ("prune.amount=0.5",), "7")
RUNS = [TrialRun(seed, ("prune.amount=0.5", f"seed={seed}"), f"7/seed={seed}") for seed in (0, 1)]


def completed(folder: Path, accuracy: Any, seed: int = 0) -> None:
    folder.mkdir(parents=True)
    fields = fake_fields(
        0.5,
        seed,
        dense={"val_accuracy": 0.9, "test_accuracy": 0.9},
        final={"val_accuracy": accuracy, "test_accuracy": 0.9},
    )
    (folder / "result.json").write_text(json.dumps(fields))


def test_mean_and_deviation_over_the_seeds(tmp_path: Path) -> None:
    completed(tmp_path / "7" / "seed=0", 0.8)
    completed(tmp_path / "7" / "seed=1", 0.9, seed=1)
    found = outcome(tmp_path, RUNS, GOALS)
    assert found.runs == {0: [0.8, 0.5], 1: [0.9, 0.5]}
    assert [round(value, 10) for value in found.values] == [0.85, 0.5]
    assert abs(found.deviations[0] - 0.1 / 2**0.5) < 1e-12
    assert found.noted["dense.val_accuracy"] == 0.9
    assert found.noted["worst param_reduction"] == 0


def test_a_failed_or_missing_run_fails_the_trial(tmp_path: Path) -> None:
    completed(tmp_path / "7" / "seed=0", 0.8)
    assert "did not finish" in str(outcome(tmp_path, RUNS, GOALS).reason)
    write_failed(tmp_path / "7" / "seed=1", [], ValueError("why"))
    assert outcome(tmp_path, RUNS, GOALS).reason == "why"


def test_nan_fails_the_trial(tmp_path: Path) -> None:
    completed(tmp_path / "7", float("nan"))
    assert outcome(tmp_path, [RUN], GOALS).reason == "result.json: contains a number that is not finite, NaN"


@pytest.mark.parametrize(
    "other", [TrialRun(0, ("prune.amount=0.6",), "7"), TrialRun(1, ("prune.amount=0.5",), "7")], ids=["amount", "seed"]
)
def test_the_result_of_another_run_fails_the_trial(other: TrialRun, tmp_path: Path) -> None:
    completed(tmp_path / "7", 0.8)
    assert outcome(tmp_path, [RUN], GOALS).reason is None
    assert str(outcome(tmp_path, [other], GOALS).reason).endswith("7: contains the result of another run")


def test_a_result_without_the_objective_fails_the_trial(tmp_path: Path) -> None:
    completed(tmp_path / "7", 0.8)
    found = outcome(tmp_path, [RUN], [objective("val_loss")])
    assert found.reason == "result.json: has no number final.val_loss"


SAVED = {"model": {"name": "lenet5"}, "layers": {"include": ["*"]}, "seed": 0, "logger": {"name": "none"}, "threads": 1}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"logger": {"name": "tensorboard"}, "threads": 2, "study": "x"}, True),
        ({"seed": 1}, False),
        ({"layers": {"include": ["fc*"]}}, False),
        ({"prune": {"amount": 0.5}}, False),
    ],
)
def test_all_settings_of_the_experiment_are_compared(changes: dict[str, Any], same: bool, tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create({**SAVED, **changes})))
    assert has_settings(tmp_path, SAVED) is same


@pytest.mark.parametrize("text", [None, "", "- 1", "seed: [", "seed: 0"])
def test_settings_that_cannot_be_read_are_not_those_of_the_run(text: str | None, tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    if text is not None:
        (tmp_path / ".hydra" / "config.yaml").write_text(text)
    assert not has_settings(tmp_path, SAVED)
