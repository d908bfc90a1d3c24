import csv
import io
from pathlib import Path
from typing import Any

from fakes import fake_fields, fake_round

from prunesweep.results.run_directory import RunDirectory
from prunesweep.results.tables import flat, points, table


def run(name: str, fields: dict[str, Any]) -> RunDirectory:
    return RunDirectory(Path(name), name, fields)


def rows(*runs: RunDirectory) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table(runs))))


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
        run("0", {"status": "completed", "seed": 1}), run("1", {"status": "failed", "error": 'a, "b"'})
    )
    assert first == {"run": "0", "status": "completed", "point": "final", "round": "1", "seed": "1", "error": ""}
    assert second == {"run": "1", "status": "failed", "point": "final", "round": "1", "seed": "", "error": 'a, "b"'}


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


def test_a_round_has_its_own_measurements_and_the_settings_of_its_run() -> None:
    earlier, final = rows(iterative_run())
    assert (earlier["point"], earlier["round"], final["point"], final["round"]) == ("round", "1", "final", "2")
    assert (earlier["amount"], final["amount"]) == ("0.5", "0.9")
    assert float(earlier["final.val_accuracy"]) > float(final["final.val_accuracy"])
    for column in (
        *("run", "status", "model", "dataset", "seed", "device", "threads", "overrides", "schema_version"),
        *("criterion", "scope", "structure", "schedule", "dense_digest", "dense.test_accuracy"),
    ):
        assert earlier[column] == final[column] != "", column


def test_a_round_has_no_figure_of_the_final_network_or_of_the_whole_run() -> None:
    earlier, final = rows(iterative_run())
    only_final = [column for column in final if final[column] and not earlier[column]]
    assert only_final == [
        *("digest", "seconds", "compact.file_bytes", "compact.latency_ms", "compact_error"),
        *("steps_total", "steps_cached"),
    ]


def test_columns_are_in_the_order_of_the_final_rows() -> None:
    columns = list(rows(iterative_run())[0])
    assert columns[:4] == ["run", "point", "round", "status"]
    assert columns.index("digest") < columns.index("dense_digest") < columns.index("amount")


def test_a_field_that_a_later_release_adds_is_not_passed_on_to_rounds() -> None:
    earlier, final = points({"rounds": [{"round": 1}], "energy": 5})
    assert "energy" not in earlier
    assert final["energy"] == 5
