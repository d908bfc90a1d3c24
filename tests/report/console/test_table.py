from pathlib import Path
from typing import Any

from fakes import fake_fields

from prunesweep.report.console.table import COLUMNS, MEASURES, distinguishing, table
from prunesweep.results.run_directory import RunDirectory


def run(name: str, amount: float, seed: int = 0, *overrides: str, **changes: Any) -> RunDirectory:
    directory = RunDirectory(Path(name), name, fake_fields(amount, seed, *overrides, **changes))
    directory.__dict__["settings"] = {"prune.amount": amount, "seed": seed}  # in place of the file
    return directory


def test_a_row_contains_sizes_and_accuracies() -> None:
    found = table([run("0", 0.2)])
    assert found.rows == [
        {
            "run": "0",
            "settings": "",
            "amount": "0.2",
            "sparsity": "20.00 %",
            "parameters": "61,706 -> 49,365",
            "left": "49,365",
            "reduction": "-20.00 %",
            "dense": "97.90 %",
            "pruned": "87.90 %",
            "final": "97.90 %",
            "difference": "+0.00",
            "file bytes": "",
            "packed bytes": "",
            "µs": "",
            "seconds": "1.5",
        }
    ]
    assert not found.repeated


def test_other_settings_that_differ_have_a_column() -> None:
    found = table([run("0", 0.2, 0, "model=lenet5", "layers=fc"), run("1", 0.5, 0, "model=lenet5", "layers=conv")])
    assert [row["settings"] for row in found.rows] == ["layers=fc", "layers=conv"]
    assert found.columns(200) == [name for name in COLUMNS if name not in ("left", *MEASURES.values())]
    assert "settings" not in table([run("0", 0.2), run("1", 0.5)]).columns(200)


def test_what_runs_measured_on_request_has_a_column_at_any_width() -> None:
    found = table([run("0", 0.2, 0, packed_bytes=1234, latency_us=15.26), run("1", 0.5, 0, packed_bytes=567)])
    assert [row["packed bytes"] for row in found.rows] == ["1,234", "567"]
    assert [row["µs"] for row in found.rows] == ["15.3", ""]
    assert found.columns(200)[-3:] == ["packed bytes", "µs", "seconds"]
    assert found.columns(20) == ["run", "amount", "left", "final", "difference", "packed bytes", "µs"]


def test_overrides_that_distinguish_runs() -> None:
    overrides = [["prune.amount=0.1", "+a=1", "seed=0", "b=2"], ["prune.amount=0.2", "+a=1", "seed=1"]]
    assert distinguishing(overrides) == ["seed=0 b=2", "seed=1"]
    assert distinguishing(overrides, ["seed"]) == ["b=2", ""]
    assert distinguishing([]) == []


def test_seeds_of_a_setting_are_one_row() -> None:
    tested = {"test_accuracy": 0.97, "val_accuracy": 0.97}
    dense = {"test_accuracy": 0.98, "val_accuracy": 0.98}
    runs = [run("0", 0.2, 0, final={**tested}, dense=dense), run("1", 0.5, 0), run("2", 0.2, 1, dense=dense)]
    runs[2].result["final"] = {"test_accuracy": 0.99, "val_accuracy": 0.99}
    found = table(runs)
    assert found.repeated
    assert [row["run"] for row in found.rows] == ["0, 2", "1"]
    assert [row["settings"] for row in found.rows] == ["", ""]
    assert found.rows[0]["final"] == "98.00 ± 1.41 %"  # of 97 and 99: the square root of 2
    assert found.rows[0]["difference"] == "+0.00 ± 1.41"
    assert found.rows[0]["left"] == "49,365"
    assert found.rows[1]["final"] == "97.70 %"


def test_many_runs_of_a_row_are_not_listed() -> None:
    assert [row["run"] for row in table([run(str(seed), 0.2, seed) for seed in range(5)]).rows] == ["0 and 4 more"]
    trials = [run(f"17/seed={seed}", 0.2, seed) for seed in range(2)]
    assert [row["run"] for row in table(trials).rows] == ["17"]


def test_a_narrow_terminal_has_fewer_columns() -> None:
    found = table([run("0", 0.2)])
    full = found.columns(200)
    assert full == [name for name in COLUMNS if name not in ("settings", "left", *MEASURES.values())]
    width = sum(max(len(name), len(found.rows[0][name])) for name in full) + 3 * len(full) + 1
    assert found.columns(width) == full
    assert found.columns(width - 1) == full[:-1]
    assert found.columns(70) == ["run", "amount", "left", "reduction", "dense", "final", "difference"]
    assert found.columns(20) == ["run", "amount", "left", "final", "difference"]
    assert found.least_width(["run", "amount"]) == 3 + 6 + 3 * 2 + 1


def test_settings_can_take_several_lines() -> None:
    found = table([run("0", 0.2, 0, "layers=fc", "model=lenet5"), run("1", 0.5)])
    assert found.least_width(["settings"]) == len("model=lenet5") + 3 + 1
    assert found.fitted(["settings"], 16) == found
    narrow = found.fitted(["settings"], 15)
    assert narrow.rows[0]["settings"].split("\n") == ["layers=", "fc model=", "lenet5"]
    assert narrow.least_width(["settings"]) == len("settings") + 3 + 1
    dotted = table([run("0", 0.2, 0, "optimizer.lr=0.5"), run("1", 0.5)])
    assert dotted.fitted(["settings"], 17).rows[0]["settings"] == "optimizer.\nlr=0.5"
    assert dotted.fitted(["settings"], 12).rows[0]["settings"] == "optimizer.\nlr=\n0.5"


def test_the_legend_explains_the_columns_that_are_shown() -> None:
    one, several = table([run("0", 0.2)]), table([run("0", 0.2), run("1", 0.2, 1)])
    assert one.legend(one.columns(200)) == (
        "dense, pruned, final: test accuracy. difference: final minus dense, in points."
    )
    assert several.legend(several.columns(20)) == (
        "left: parameters that were not pruned. final: test accuracy. difference: final minus dense, in points. "
        "Figures are means ± standard deviations over seeds."
    )
