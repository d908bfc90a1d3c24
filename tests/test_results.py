import csv
import io
import json
from pathlib import Path

import pytest

from prunesweep.errors import UsageError
from prunesweep.results import Job, flat, read, table, write, write_failed


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


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"model": "lenet5"}'])
def test_a_job_without_a_readable_result_is_unfinished(content: str | None, tmp_path: Path) -> None:
    folder = job(tmp_path, "0")
    if content is not None:
        (folder / "result.json").write_text(content)
    (found,) = read(tmp_path)
    assert found.status == "unfinished"
    assert found.fields["error"]


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
    text = table([Job("0", {"status": "completed", "x": 1}), Job("1", {"status": "failed", "error": 'a, "b"'})])
    assert list(csv.DictReader(io.StringIO(text))) == [
        {"run": "0", "point": "final", "round": "1", "status": "completed", "x": "1", "error": ""},
        {"run": "1", "point": "final", "round": "1", "status": "failed", "x": "", "error": 'a, "b"'},
    ]


def test_results_are_plain_json(tmp_path: Path) -> None:
    write(tmp_path, {"status": "completed"})
    assert json.loads((tmp_path / "result.json").read_text()) == {"status": "completed"}


def test_every_round_is_a_row() -> None:
    fields = {"status": "completed", "seed": 3, "amount": 0.75, "rounds": [{"round": 1, "amount": 0.5}]}
    first, last = (
        {key: row[key] for key in ("run", "point", "round", "amount", "seed")}
        for row in csv.DictReader(io.StringIO(table([Job("0", fields)])))
    )
    assert first == {"run": "0", "point": "round", "round": "1", "amount": "0.5", "seed": "3"}
    assert last == {"run": "0", "point": "final", "round": "2", "amount": "0.75", "seed": "3"}
