import csv
import io
from datetime import datetime, timedelta

from optuna.trial import TrialState, create_trial

from prunesweep.results.objectives import objective
from prunesweep.search.progress import (
    Row,
    hypervolume,
    line,
    pareto,
    row_of,
    summary,
    table,
)

GOALS = [objective("val_accuracy"), objective("param_reduction")]


def row(number: int, accuracy: float, reduction: float, **other: object) -> Row:
    fields: dict[str, object] = {
        "status": "completed",
        "directory": str(number),
        "parameters": {"prune.amount": reduction},
        "values": [accuracy, reduction],
        "deviations": [0.0, 0.0],
        "runs": {"0": [accuracy, reduction]},
        "noted": {
            "dense.val_accuracy": 0.9,
            "final.val_accuracy": accuracy,
            "param_reduction": reduction,
            "worst final.val_accuracy": 0.0,
            "worst param_reduction": 0.0,
        },
        "note": "",
        "seconds": 1.0,
    }
    return Row(number, **{**fields, **other})  # type: ignore[arg-type]


ROWS = [row(0, 0.9, 0.2), row(1, 0.8, 0.6), row(2, 0.7, 0.5), row(3, 0.9, 0.9, status="failed", values=[], note="why")]


def test_dominated_and_failed_trials_are_not_in_the_pareto_set() -> None:
    assert [found.number for found in pareto(ROWS, GOALS)] == [0, 1]
    assert pareto([], GOALS) == []


def test_the_hypervolume_of_two_objectives() -> None:
    assert abs(hypervolume(ROWS, GOALS) - (0.9 * 0.2 + 0.8 * 0.4)) < 1e-12
    assert hypervolume([], GOALS) == 0


def test_the_hypervolume_with_a_minimized_objective() -> None:
    goals = [objective("val_accuracy"), objective("macs_nonzero")]
    noted = {"worst final.val_accuracy": 0.0, "worst macs_nonzero": 100.0}
    assert abs(hypervolume([row(0, 0, 0, values=[0.5, 40.0], noted=noted)], goals) - 0.5 * 60) < 1e-12


def test_the_line_shows_the_progress() -> None:
    assert line("s", ROWS, 10, GOALS, 65.0) == (
        "s: 4 of 10 trials (1 failed), best within 0.5 points of dense: -20.00 % parameters at 90.00 % validation "
        "accuracy (trial 0), hypervolume 0.5, 1 min 5 s left"
    )
    assert line("s", [], 10, GOALS, None) == "s: 0 of 10 trials, hypervolume 0"


def test_the_best_trial_is_near_the_best_dense_network() -> None:
    rows = [row(0, 0.9, 0.2), row(1, 0.7, 0.9)]
    rows[1].noted["dense.val_accuracy"] = 0.7
    assert "(trial 0)" in line("s", rows, 10, GOALS, None)


def test_of_trials_of_one_size_the_more_accurate_is_the_best_then_the_smaller() -> None:
    sizes = {4: (0.897, 100.0), 5: (0.9, 100.0), 6: (0.9, 80.0)}
    rows = [row(number, accuracy, 0.2) for number, (accuracy, _) in sizes.items()]
    for each in rows:
        each.noted["params_nonzero"] = sizes[each.number][1]
    assert "(trial 6)" in line("s", rows, 10, GOALS, None)
    assert "(trial 5)" in line("s", rows[:2], 10, GOALS, None)


def test_the_table_contains_each_seed_mean_and_deviation() -> None:
    double = row(4, 0.8, 0.5, deviations=[0.1, 0.0], runs={"0": [0.7, 0.5], "1": [0.9, 0.5]})
    first, *_, last = csv.DictReader(io.StringIO(table([*ROWS, double], ["prune.amount"], GOALS)))
    assert (first["trial"], first["status"], first["final.val_accuracy"]) == ("0", "completed", "0.9")
    assert (last["final.val_accuracy sd"], last["final.val_accuracy seed=1"]) == ("0.1", "0.9")
    assert list(first)[-2:] == ["seconds", "note"]


def test_the_summary_contains_trials_directories_and_values() -> None:
    found = summary("s", ROWS, 10, GOALS)
    assert found["trials"] == {"total": 10, "completed": 3, "failed": 1}
    assert found["ended"] is None
    assert summary("s", ROWS, 10, GOALS, "all were tried")["ended"] == "all were tried"
    assert found["pareto"][1]["trial"] == 1
    assert found["pareto"][1]["directory"] == "1"
    assert found["pareto"][1]["values"] == {"final.val_accuracy": 0.8, "param_reduction": 0.6}


def test_rows_of_all_kinds_of_trials() -> None:
    when = datetime(2026, 11, 24)
    finished = {"datetime_start": when, "datetime_complete": when + timedelta(seconds=90)}
    outcome = {"runs": {"0": [0.9]}, "deviations": [0.0], "noted": {}}
    trials = [
        create_trial(value=0.9, user_attrs={"outcome": outcome}),
        create_trial(state=TrialState.FAIL, user_attrs={"failed": "training diverged"}),
        create_trial(state=TrialState.FAIL, user_attrs={"taken_back": "its process ended"}),
        create_trial(state=TrialState.PRUNED, user_attrs={"duplicate_of": 0}),
        create_trial(state=TrialState.RUNNING),
    ]
    for number, trial in enumerate(trials):
        trial.number = number
    trials[0].datetime_start, trials[0].datetime_complete = finished.values()
    rows = [row_of(trial) for trial in trials]
    assert [(row.status, row.directory, row.note) for row in rows] == [
        ("completed", "0", ""),
        ("failed", "1", "training diverged"),
        ("taken back", "", "its process ended"),
        ("duplicate", "", "of trial 0"),
        ("running", "4", ""),
    ]
    assert (rows[0].values, rows[0].runs, rows[0].seconds) == ([0.9], {"0": [0.9]}, 90)
    assert rows[4].seconds is None
