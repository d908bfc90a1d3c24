import csv
import io
from pathlib import Path

from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.header import facts
from prunesweep.report.render.tables import frontier_table, label


def test_a_row_per_member_the_smallest_network_first(sweep: Sweep) -> None:
    rows = list(csv.DictReader(io.StringIO(frontier_table(compute(gather([sweep()]))))))
    assert [row["params_nonzero"] for row in rows] == ["617", "6171", "12341", "30853", "49365"]
    first = rows[0]
    assert (first["dataset"], first["model"], first["prune.amount"], first["seeds"], first["runs"]) == (
        *("mnist", "lenet5", "0.99", "2"),
        "8 9",
    )
    assert float(first["val_drop.mean"]) > float(rows[-1]["val_drop.mean"])
    assert [row["knee"] for row in rows].count("True") == 1


def test_the_rows_are_the_frontier_in_the_cost_that_the_search_minimized(tmp_path: Path) -> None:
    for number, (amount, packed) in enumerate([(0.5, 900), (0.7, 2_000), (0.9, 1_000)]):
        fields = fake_fields(amount, 0, packed_bytes=packed)
        fake_run(tmp_path / str(number), fields, search__objectives=["val_accuracy", "packed_bytes"])
    rows = list(csv.DictReader(io.StringIO(frontier_table(compute(gather([tmp_path]))))))
    assert [(row["packed_bytes"], row["latency_us"]) for row in rows] == [("900", "")]


def test_a_table_without_runs_has_a_header(tmp_path: Path) -> None:
    assert frontier_table(compute(gather([tmp_path]))) == "dataset\n"


def test_a_label_contains_the_varied_settings(sweep: Sweep) -> None:
    values = compute(gather([sweep()]))
    assert label(values, values.experiments[0]) == "prune.amount=0.2"


def test_the_same_run_in_two_sweeps_is_one_seed(sweep: Sweep) -> None:
    both = gather([sweep("one", (0.5,), (0,)), sweep("two", (0.5,), (0,))])
    (row,) = csv.DictReader(io.StringIO(frontier_table(compute(both))))
    assert (row["seeds"], row["val_accuracy.sd"], row["runs"]) == ("1", "", both.completed[0].name)


def test_a_label_leaves_out_settings_that_the_experiment_does_not_have(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0), prune__criterion="l1")
    fake_run(tmp_path / "1", fake_fields(0.5, 0), prune__criterion="snip", prune__iterations=1)
    fake_run(tmp_path / "2", fake_fields(0.5, 0), prune__criterion="snip", prune__iterations=None)
    values = compute(gather([tmp_path]))
    assert [label(values, experiment) for experiment in values.experiments] == [
        "prune=l1",
        "prune=snip prune.iterations=1",
        "prune=snip prune.iterations=None",
    ]
    assert "prune.iterations 1 | None" in facts(values)


def test_the_name_of_a_setting_leaves_out_what_has_no_effect(tmp_path: Path) -> None:
    for number, (prune, amount) in enumerate([("none", 0.5), ("none", 0.9), ("l1", 0.5), ("l1", 0.9)]):
        fields = fake_fields(amount, 0, digest="dense") if prune == "none" else fake_fields(amount, 0)
        fields["overrides"] = [f"prune={prune}", f"prune.amount={amount}"]
        fake_run(tmp_path / str(number), fields, prune__criterion=prune)
    values = compute(gather([tmp_path]))
    assert [label(values, experiment) for experiment in values.experiments] == [
        "prune=none",
        "prune=l1 prune.amount=0.5",
        "prune=l1 prune.amount=0.9",
    ]


def test_confirmed_accuracies_are_columns_beside_the_searched_ones(tmp_path: Path) -> None:
    for name, amount, seed, val in (("0", 0.5, 0, 0.98), ("1", 0.9, 0, 0.9), ("confirmed/0/seed=4", 0.5, 4, 0.95)):
        final = {"val_accuracy": val, "test_accuracy": val - 0.01}
        fake_run(tmp_path / name, fake_fields(amount, seed, final=final))
    (tmp_path / "optimization_results.yaml").write_text("")
    other, searched = csv.DictReader(io.StringIO(frontier_table(compute(gather([tmp_path])))))
    columns = ("seeds", "val_accuracy.mean", "val_accuracy.sd", "test_accuracy.mean", "difference")
    assert [searched[f"confirmed.{name}"] for name in columns] == ["1", "0.95", "", "0.94", "-0.03"]
    assert [other[f"confirmed.{name}"] for name in columns] == [""] * 5
