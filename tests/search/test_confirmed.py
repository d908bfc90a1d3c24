import csv
import io
from pathlib import Path

import pytest
from fakes import fake_fields
from searches import short

from prunesweep.results.objectives import objective
from prunesweep.results.run_directory import RunDirectory
from prunesweep.search.candidates import Candidate
from prunesweep.search.confirmed import Confirmed, as_csv, rows, show

GOALS = [objective("val_accuracy"), objective("param_reduction")]


def candidate(trial: int, *, member: bool, accuracy: float = 0.95) -> Candidate:
    return Candidate(trial, member, 0.0 if member else 0.5, short(), (), accuracy, (accuracy - 0.02, accuracy + 0.01))


def repetitions(accuracy: float, reduction: float, dense: str = "d") -> list[RunDirectory]:
    """Return runs with two seeds whose accuracies are 0.01 around `accuracy`."""
    runs = []
    for seed, shift in enumerate((-0.01, 0.01)):
        scores = {"val_accuracy": accuracy + shift, "test_accuracy": accuracy}
        fields = fake_fields(0.5, seed, final=scores, param_reduction=reduction, dense_digest=f"{dense}{seed}")
        runs.append(RunDirectory(Path(), str(seed), fields))
    return runs


CHOSEN = [candidate(2, member=True), candidate(5, member=True), candidate(3, member=False)]
RUNS = {2: repetitions(0.90, 0.5), 5: repetitions(0.80, 0.9), 3: repetitions(0.92, 0.5)}


def test_a_row_compares_the_search_with_the_new_runs() -> None:
    dense, *trials = rows(CHOSEN, RUNS, GOALS)
    assert (dense.name, dense.optimism, dense.reduction, dense.remains) == ("dense", None, 0, False)
    assert [row.name for row in trials] == ["trial 2", "trial 5", "trial 3"]
    assert trials[0].optimism == pytest.approx(0.05)
    assert trials[0].validation == pytest.approx((0.90, 0.01 * 2**0.5))


def test_the_pareto_set_of_the_new_runs_can_differ_from_that_of_the_search() -> None:
    assert [row.remains for row in rows(CHOSEN, RUNS, GOALS)[1:]] == [False, True, True]


def test_each_distinct_dense_network_has_a_row() -> None:
    runs = {**RUNS, 5: repetitions(0.8, 0.9, "other")}
    assert [row.name for row in rows(CHOSEN, runs, GOALS)][:2] == ["dense of trial 2, 3", "dense of trial 5"]


def test_the_csv_says_which_trials_were_in_the_set_and_which_only_reached_it() -> None:
    dense, two, _, three = csv.DictReader(io.StringIO(as_csv(rows(CHOSEN, RUNS, GOALS))))
    names = ("searched pareto", "searched distance", "pareto", "searched val_accuracy low")
    assert [dense[name] for name in names] == ["", "", "", ""]
    assert [two[name] for name in names] == ["yes", "0.0", "no", "0.9299999999999999"]
    assert [three[name] for name in names[:3]] == ["no", "0.5", "yes"]


def test_the_printed_table_names_the_sets_of_each_trial(capsys: pytest.CaptureFixture[str]) -> None:
    show(rows(CHOSEN, RUNS, GOALS))
    printed = capsys.readouterr().out
    found = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in printed.splitlines() if "│" in line}
    assert found == {"dense": "", "trial 2": "search", "trial 5": "both", "trial 3": "new"}
    assert "mean ± sd over 2 new seeds" in printed


def test_optimism_is_the_accuracy_in_the_search_minus_the_confirmed_one() -> None:
    trial = candidate(7, member=True, accuracy=0.75)
    assert Confirmed("trial 7", 2, 0.5, (0.5, 0.1), (0.5, 0.1), trial).optimism == 0.25
    assert Confirmed("dense", 2, 0.0, (0.5, 0.1), (0.5, 0.1)).optimism is None
