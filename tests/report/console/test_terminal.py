import io
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import Sweep

from prunesweep.chain.observations import Evaluate
from prunesweep.report.console.terminal import conclude, progress, show, summarize
from prunesweep.results.run_directory import Job


def fields(amount: float, *overrides: str) -> dict[str, Any]:
    return {
        "status": "completed",
        "overrides": [*overrides, f"prune.amount={amount}"],
        "amount": amount,
        "sparsity": amount,
        "params_total": 61_706,
        "params_nonzero": 49_412,
        "param_reduction": 0.19924,
        "dense": {"test_accuracy": 0.9912},
        "pruned": {"test_accuracy": 0.9},
        "final": {"test_accuracy": 0.99},
        "seconds": 1.25,
    }


def test_a_row_says_what_was_cut_and_what_it_cost() -> None:
    summary = summarize([Job("0", fields(0.2))])
    assert summary.columns == (
        "run",
        "amount",
        "sparsity",
        "parameters",
        "reduction",
        "dense",
        "pruned",
        "final",
        "seconds",
    )
    assert summary.rows == [
        ("0", "0.2", "20.00 %", "61,706 -> 49,412", "-19.92 %", "99.12 %", "90.00 %", "99.00 %", "1.2")
    ]
    assert summary.verdict == "1 of 1 runs completed"


def test_nothing_cut_has_no_sign() -> None:
    assert summarize([Job("0", {**fields(0.0), "param_reduction": 0.0})]).rows[0][4] == "0.00 %"


def test_what_jobs_differ_in_stands_in_front() -> None:
    jobs = [Job(str(seed), fields(0.2, "model=lenet5", f"seed={seed}")) for seed in (0, 1)]
    summary = summarize(jobs)
    assert summary.columns[:3] == ("run", "settings", "amount")
    assert [row[1] for row in summary.rows] == ["seed=0", "seed=1"]


def test_a_failure_is_named_with_its_settings_and_reason() -> None:
    lost = {"status": "failed", "overrides": ["seed=1"], "error": "training diverged"}
    summary = summarize([Job("0", fields(0.2)), Job("1", lost)])
    assert summary.failures == ["run 1 failed (seed=1): training diverged"]
    assert summary.verdict == "1 of 2 runs completed, 1 did not"


def test_concluding_writes_the_report_and_says_where(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep(amounts=(0.5,), seeds=(0, 1))
    conclude([folder], folder)
    out = capsys.readouterr().out
    assert "61,706 -> 30,853" in out
    assert [Path(line).name for line in out.splitlines()[-4:]] == [
        "results.csv",
        "frontier.csv",
        "frontier.png",
        "report.html",
    ]
    lines = (folder / "results.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "final.test_accuracy" in lines[0]


def test_a_long_table_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show(summarize([Job(str(number), fields(0.2)) for number in range(201)]))
    out = capsys.readouterr().out
    assert "│ 199 " in out
    assert "│ 200 " not in out
    assert "the first 200 runs; results.csv and report.html hold all 201" in out


def test_the_verdict_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    for jobs in ([Job("0", fields(0.2))], [Job("0", {"status": "failed", "error": "why"})]):
        show(summarize(jobs))
        assert capsys.readouterr().out.count(f"{len(jobs)} runs completed") == 1


def test_no_progress_bar_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with progress(3) as on_step:
        on_step(0, Evaluate("data"), {})
        on_step(1, Evaluate("data"), {"epoch": 1, "train_loss": 0.5, "val_accuracy": 0.9})
    assert log.getvalue() == ""
