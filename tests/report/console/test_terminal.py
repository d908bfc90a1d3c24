import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import Sweep, fake_fields
from rich.console import Console

from prunesweep.report.console import terminal
from prunesweep.report.console.terminal import conclude, show, summarize
from prunesweep.results.run_directory import RunDirectory


def run(name: str, amount: float, seed: int = 0, *overrides: str, **changes: Any) -> RunDirectory:
    directory = RunDirectory(Path(name), name, fake_fields(amount, seed, *overrides, **changes))
    directory.__dict__["settings"] = {"prune.amount": amount, "seed": seed}  # in place of the file
    return directory


def failed(name: str, error: str = "training diverged") -> RunDirectory:
    return RunDirectory(Path(name), name, {"status": "failed", "overrides": ["seed=1"], "error": error})


def test_a_failure_has_its_overrides_and_its_reason() -> None:
    summary = summarize([run("0", 0.2), failed("1")])
    assert summary.failures == ["run 1 failed (seed=1): training diverged"]
    assert summary.verdict == "1 of 2 runs completed, 1 failed"


def test_runs_that_fail_for_the_same_reason_have_one_line_with_their_common_settings() -> None:
    overrides = [["layers=conv", "prune.amount=0.5", "seed=1"], ["layers=conv", "prune.amount=0.9", "seed=1"]]
    fields = {"status": "failed", "error": "no such layer"}
    runs = [RunDirectory(Path(str(n)), str(n), {**fields, "overrides": texts}) for n, texts in enumerate(overrides)]
    summary = summarize([*runs, run("2", 0.5, 1, "layers=all")])
    assert summary.failures == ["runs 0, 1 failed (layers=conv): no such layer"]


def test_an_interrupted_sweep_counts_the_runs_that_were_not_started() -> None:
    unfinished = RunDirectory(Path("1"), "1", {"status": "unfinished", "error": "no result.json", "overrides": []})
    summary = summarize([run("0", 0.2), unfinished], not_started=34)
    assert summary.failures == []
    assert summary.verdict == "1 of 36 runs completed, 1 unfinished, 34 not started"
    assert summarize([run("0", 0.2)], not_started=35).verdict == "1 of 36 runs completed, 35 not started"


def test_collapsed_runs_are_named_below_the_table() -> None:
    summary = summarize([run("0", 0.2), run("1", 0.9, collapsed="no signal passes fc1")])
    assert summary.verdict == "2 of 2 runs completed; COLLAPSED: 1 (1)"


def test_duplicates_are_counted_in_the_verdict() -> None:
    summary = summarize([run("one/0", 0.2), run("one/1", 0.5), run("two/0", 0.2)])
    assert len(summary.table.rows) == 3
    assert summary.verdict == "3 of 3 runs completed; duplicates of other runs, counted once: 1"


def test_concluding_prints_the_table_and_the_files_of_the_report(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep(amounts=(0.5,), seeds=(0, 1))
    conclude([folder], folder)
    out = capsys.readouterr().out
    assert "61,706 -> 30,853" in out
    files = ["results.csv", "frontier.csv", "frontier.png", "frontier.pdf", "frontier.svg", "report.html"]
    *_, sentence = lines = out.splitlines()
    assert [Path(line).name for line in lines[-7:-1]] == files
    assert sentence == (
        "Keep 50 % of the parameters (30,853 of 61,706): test accuracy 97.60 ± 0.14 % against 97.90 ± 0.00 % dense "
        "(2 seeds)."
    )
    lines = (folder / "results.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "final.test_accuracy" in lines[0]


def test_long_lists_are_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    one = run("0", 0.2)
    show(summarize([replace(one, name=str(number)) for number in range(201)]))
    out = capsys.readouterr().out
    assert "│ 199 " in out
    assert "│ 200 " not in out
    assert "Only the first 200 of 201 rows are shown. results.csv has all runs." in out
    show(summarize([failed(str(number), f"reason {number}") for number in range(201)]))
    out = capsys.readouterr().out
    assert "run 199 failed" in out
    assert "run 200 failed" not in out
    assert "Only the first 200 of 201 reasons are shown." in out


@pytest.mark.parametrize("width", [40, 80, 110, 160])
def test_no_figure_is_cut_off(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "console", lambda: Console(width=width))
    long = "prune.criterion=random_layerwise"
    show(summarize([run("0", 0.2, 0, "model=lenet5", long), run("1", 0.2, 1, "model=lenet5"), run("2", 0.5, 0, long)]))
    out = capsys.readouterr().out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= max(width, 80)
    for figure in ("49,365", "0.2", "97.80 ± 0.14 %", "-0.10 ± 0.14"):
        assert figure in out


@pytest.mark.parametrize("runs", [[run("0", 0.2)], [failed("0")]])
def test_the_verdict_is_printed_once(runs: list[RunDirectory], capsys: pytest.CaptureFixture[str]) -> None:
    show(summarize(runs))
    assert capsys.readouterr().out.count("of 1 runs completed") == 1


def test_a_report_does_not_wait_for_torch() -> None:
    code = "import sys, prunesweep.report.console.terminal; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
