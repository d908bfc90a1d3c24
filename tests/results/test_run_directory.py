import csv
import io
import json
from pathlib import Path

import pytest

from prunesweep.errors import UsageError
from prunesweep.results.result import write, write_failed
from prunesweep.results.run_directory import Job, read
from prunesweep.results.schema import NUMBERS, SCORES, TEXTS, misfit
from prunesweep.results.tables import flat, table


def job(sweep: Path, name: str) -> Path:
    folder = sweep / name
    (folder / ".hydra").mkdir(parents=True)
    return folder


def test_jobs_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "0", "1/b", "1/a"):
        write(job(tmp_path, name), {"status": "completed", "seed": name})
    assert [found.name for found in read(tmp_path)] == ["0", "1/a", "1/b", "9", "10"]


def test_a_failed_job_says_why(tmp_path: Path) -> None:
    write_failed(job(tmp_path, "0"), ["seed=1"], UsageError("a=1: must be 2."))
    write_failed(job(tmp_path, "1"), ["seed=2"], KeyError("x"))
    first, second = read(tmp_path)
    assert (first.status, first.fields["error"], first.fields["overrides"]) == ("failed", "a=1: must be 2.", ["seed=1"])
    assert second.fields["error"] == "KeyError: 'x'"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": "lenet5"}', "[" * 100_000, '{"status": NaN}'])
def test_a_job_with_a_broken_result_is_unreadable(content: str, tmp_path: Path) -> None:
    (job(tmp_path, "0") / "result.json").write_text(content)
    (found,) = read(tmp_path)
    assert found.status == "unreadable"
    assert found.fields["error"].startswith("result.json: ")


def test_a_job_without_a_result_is_unfinished(tmp_path: Path) -> None:
    job(tmp_path, "0")
    (found,) = read(tmp_path)
    assert found.status == "unfinished"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema_version": 99}, "schema_version 99, this release reads 1"),
        ({"overrides": None}, "'overrides' is no list of texts"),
        ({"model": 1}, "'model' is no text"),
        ({"macs_nonzero": None}, "'macs_nonzero' is no number of at least 0"),
        ({"seed": 1.5}, "'seed' is no whole number"),
        ({"sparsity": True}, "'sparsity' is no number of at least 0"),
        ({"final": {"val_accuracy": 0.5}}, "'final.test_accuracy' is no number from 0 to 1"),
        ({"dense": {"val_accuracy": 1.5, "test_accuracy": 0.5}}, "'dense.val_accuracy' is no number from 0 to 1"),
        ({"layers": [1]}, "'layers' is no list of entries with total, nonzero, sparsity"),
        ({"layers": [{"total": 1, "nonzero": 1, "sparsity": 0}]}, "'layers' are not named"),
        ({"history": None}, "'history' is no list of entries with round, val_accuracy, seconds"),
        ({"dead_layers": [1]}, "'dead_layers' is no list of texts"),
        ({"rounds": None}, "'rounds' is no list of entries"),
        ({"rounds": [{"round": 1}]}, "round 1: 'amount' is no number of at least 0"),
    ],
)
def test_a_result_of_another_layout_says_where(change: dict[str, object], reason: str) -> None:
    scores = {"val_accuracy": 0.5, "test_accuracy": 0.5}
    fields = {
        "status": "completed",
        "overrides": [],
        "seed": 0,
        "layers": [],
        "history": [],
        "rounds": [],
        "dead_layers": [],
        **dict.fromkeys(NUMBERS, 1),
        **dict.fromkeys(TEXTS, "a"),
        **dict.fromkeys(SCORES, scores),
    }
    assert misfit(fields) is None
    assert misfit({**fields, **change}) == f"result.json: {reason}"


def test_nothing_that_is_not_json_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(tmp_path, {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


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


def test_the_table_has_a_row_for_each_run_and_the_union_of_columns() -> None:
    done = {"status": "completed", "x": 1, "rounds": [{"round": 1, "x": 2}]}
    text = table([Job("0", done), Job("1", {"status": "failed", "error": 'a, "b"'})])
    shared = {"run": "0", "status": "completed", "error": ""}
    assert list(csv.DictReader(io.StringIO(text))) == [
        {**shared, "point": "round", "round": "1", "x": "2"},
        {**shared, "point": "final", "round": "2", "x": "1"},
        {"run": "1", "status": "failed", "point": "final", "round": "1", "x": "", "error": 'a, "b"'},
    ]


def test_results_are_plain_json(tmp_path: Path) -> None:
    write(tmp_path, {"status": "completed"})
    assert json.loads((tmp_path / "result.json").read_text()) == {"status": "completed"}
