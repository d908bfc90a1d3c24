import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import Sweep, fake_fields

from prunesweep.report.console.terminal import conclude, cut, percent, show, summarize
from prunesweep.results.run_directory import RunDirectory


def run(name: str, amount: float, seed: int = 0, *overrides: str, **changes: Any) -> RunDirectory:
    directory = RunDirectory(Path(name), name, fake_fields(amount, seed, *overrides, **changes))
    directory.__dict__["settings"] = {"prune.amount": amount, "seed": seed}  # in place of the file
    return directory


def failed(name: str) -> RunDirectory:
    return RunDirectory(Path(name), name, {"status": "failed", "overrides": ["seed=1"], "error": "training diverged"})


def test_fractions_as_percentages() -> None:
    assert [percent(0.98765), percent(0.5, 0), cut(0.1992), cut(0.0)] == ["98.77 %", "50 %", "-19.92 %", "0.00 %"]


def test_a_row_contains_sizes_and_accuracies() -> None:
    summary = summarize([run("0", 0.2)])
    assert summary.columns == (
        *("run", "amount", "sparsity", "parameters", "reduction", "dense", "pruned", "final", "seconds"),
    )
    assert summary.rows == [
        ("0", "0.2", "20.00 %", "61,706 -> 49,365", "-20.00 %", "97.90 %", "87.90 %", "97.90 %", "1.5")
    ]
    assert summary.verdict == "1 of 1 runs completed"


def test_a_collapsed_run_is_marked_in_its_row_and_below_the_table() -> None:
    summary = summarize([run("0", 0.2), run("1", 0.9, collapsed="no signal passes fc1")])
    assert [row[7] for row in summary.rows] == ["97.90 %", "76.38 % COLLAPSED"]
    assert summary.verdict == "2 of 2 runs completed; COLLAPSED: 1 (1)"


def test_other_settings_that_differ_have_a_column() -> None:
    summary = summarize([run(str(seed), 0.2, seed, "model=lenet5") for seed in (0, 1)])
    assert summary.columns[:3] == ("run", "settings", "amount")
    assert [row[1] for row in summary.rows] == ["seed=0", "seed=1"]


def test_a_failure_has_its_overrides_and_its_reason() -> None:
    summary = summarize([run("0", 0.2), failed("1")])
    assert summary.failures == ["run 1 failed (seed=1): training diverged"]
    assert summary.verdict == "1 of 2 runs completed, 1 did not"


def test_duplicates_are_counted_in_the_verdict() -> None:
    summary = summarize([run("one/0", 0.2), run("one/1", 0.5), run("two/0", 0.2)])
    assert len(summary.rows) == 3
    assert summary.verdict == "3 of 3 runs completed; duplicates of other runs, counted once: 1"


def test_concluding_prints_the_table_and_the_files_of_the_report(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep(amounts=(0.5,), seeds=(0, 1))
    conclude([folder], folder)
    out = capsys.readouterr().out
    assert "61,706 -> 30,853" in out
    files = ["results.csv", "frontier.csv", "frontier.png", "report.html"]
    assert [Path(line).name for line in out.splitlines()[-4:]] == files
    lines = (folder / "results.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "final.test_accuracy" in lines[0]


def test_long_lists_are_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    one = run("0", 0.2)
    show(summarize([replace(one, name=str(number)) for number in range(201)]))
    out = capsys.readouterr().out
    assert "│ 199 " in out
    assert "│ 200 " not in out
    assert "Only the first 200 of 201 runs are shown. results.csv has all." in out
    show(summarize([failed(str(number)) for number in range(201)]))
    out = capsys.readouterr().out
    assert "run 199 failed" in out
    assert "run 200 failed" not in out
    assert "Only the first 200 of 201 failures are shown." in out


@pytest.mark.parametrize("runs", [[run("0", 0.2)], [failed("0")]])
def test_the_verdict_is_printed_once(runs: list[RunDirectory], capsys: pytest.CaptureFixture[str]) -> None:
    show(summarize(runs))
    assert capsys.readouterr().out.count("of 1 runs completed") == 1


def test_a_report_does_not_wait_for_torch() -> None:
    code = "import sys, prunesweep.report.console.terminal; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
