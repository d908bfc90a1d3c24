import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import fake_fields, fake_round

from prunesweep.results.run_directory import RunDirectory
from prunesweep.results.tables import csv_text, failed_table, flat, rounds, rounds_table, table


def run(name: str, fields: dict[str, Any]) -> RunDirectory:
    return RunDirectory(Path(name), name, fields)


def rows(*runs: RunDirectory) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table(runs, {}))))


def test_nested_fields_are_flattened_with_a_dot() -> None:
    fields = {
        "overrides": ["a=1", "b=2"],
        "final": {"test_accuracy": 0.5},
        "layers": [{"name": "fc", "kind": "fc", "total": 4, "nonzero": 2, "sparsity": 0.5}],
        "history": [{"epoch": 1}],
        "seed": 3,
    }
    assert flat(fields) == {
        "overrides": "a=1 b=2",
        "final.test_accuracy": 0.5,
        "layers.fc.total": 4,
        "layers.fc.nonzero": 2,
        "layers.fc.sparsity": 0.5,
        "seed": 3,
    }


def test_a_row_per_run_and_the_columns_of_all_runs() -> None:
    first, second = rows(
        run("0", {"status": "completed", "seed": 1, "rounds": []}),
        run("1", {"status": "completed", "seed": 2, "rounds": [], "energy": 5}),
    )
    assert first == {"run": "0", "status": "completed", "seed": "1", "energy": ""}
    assert second == {"run": "1", "status": "completed", "seed": "2", "energy": "5"}


def test_swept_settings_are_the_first_columns_as_typed() -> None:
    runs = [run(str(number), fake_fields(0.5, 0, model="Net", schedule=name)) for number, name in enumerate("ab")]
    swept = {"layers": ["all", "fc"], "schedule": ["one_shot", "lottery"], "prune.amount": [0.5, 0.9]}
    table_of_runs = pd.read_csv(io.StringIO(table(runs, swept)))
    assert list(table_of_runs.columns[:5]) == ["run", "layers", "schedule", "prune.amount", "status"]
    assert list(table_of_runs.columns).count("schedule") == 1
    assert table_of_runs.groupby("schedule")["prune.amount"].mean().to_dict() == {"one_shot": 0.5, "lottery": 0.9}


def iterative_run() -> RunDirectory:
    only_final = {
        "compact": {"file_bytes": 7, "latency_ms": 0.5},
        "compact_error": "sigmoid",
        "steps_total": 9,
        "steps_cached": 4,
    }
    settings = {"criterion": "l1", "scope": "global", "structure": "channel", "schedule": "iterative", "device": "cpu"}
    fields = fake_fields(0.9, 3, rounds=[fake_round(1, 0.5, 3)], threads=2, **settings, **only_final)
    return run("0", fields)


def test_rounds_have_a_table_of_their_own() -> None:
    (final,) = rows(iterative_run())
    alone = run("1", fake_fields(0.7, 3))
    text = rounds_table([iterative_run(), alone], {"prune.amount": [0.9, 0.7]})
    earlier, last = csv.DictReader(io.StringIO(text))
    assert list(earlier)[:3] == ["run", "prune.amount", "model"]
    assert [(each["run"], each["round"], each["prune.amount"]) for each in (earlier, last)] == [
        ("0", "1", "0.9"),
        ("0", "2", "0.9"),
    ]
    assert (earlier["amount"], last["amount"], final["amount"]) == ("0.5", "0.9", "0.9")
    assert (
        float(earlier["final.val_accuracy"]) > float(final["final.val_accuracy"]) == float(last["final.val_accuracy"])
    )
    for column in ("model", "dataset", "seed", "criterion", "scope", "structure", "schedule", "dense.test_accuracy"):
        assert earlier[column] == last[column] == final[column] != "", column


def test_a_round_has_no_figure_of_the_final_network_or_of_the_whole_run() -> None:
    earlier, last = rounds(iterative_run().result)
    assert earlier.keys() == last.keys()
    assert not {"digest", "seconds", "compact", "compact_error", "steps_total", "steps_cached"} & last.keys()


def test_failed_runs_are_listed_with_the_reason() -> None:
    failed = run("1", {"status": "failed", "error": 'a, "b"', "overrides": ["x=1", "y=2"]})
    (row,) = csv.DictReader(io.StringIO(failed_table([failed])))
    assert row == {"run": "1", "status": "failed", "overrides": "x=1 y=2", "error": 'a, "b"'}


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "＝1+1", "＋1", "－1+1", "＠a"])
def test_a_cell_that_a_spreadsheet_would_run_is_a_text(text: str) -> None:
    assert csv_text([text], [{text: text}]) == f"'{text}\n'{text}\n"


def test_numbers_in_cells_remain_numbers() -> None:
    assert csv_text(["a", "b", "c"], [{"a": -1.5, "b": "-1e-3", "c": "x=1"}]) == "a,b,c\n-1.5,-1e-3,x=1\n"
