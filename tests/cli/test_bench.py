import json
from pathlib import Path

import pytest
from support import Completed

from prunesweep.cli import main
from prunesweep.results.result import write_failed


def test_bench_prints_tables_and_writes_json(
    completed: Completed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("prunesweep.bench.measure.BATCHES", (1,))
    run = completed("model=lenet5", "train.epochs=0", "finetune.epochs=0", "prune.amount=0.9")
    file = tmp_path / "bench.json"
    assert main(["bench", str(run), str(run), "--rounds", "1", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert f"{run}: lenet5, " in printed
    assert "torch, sparse CSR" in printed
    assert printed.splitlines()[-1] == str(file)
    assert len(json.loads(file.read_text())["runs"]) == 1


def test_bad_input_of_bench_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = tmp_path / "failed"
    (failed / ".hydra").mkdir(parents=True)
    write_failed(failed, [], ValueError("why"))
    cases = {
        (str(tmp_path / "absent"),): "is not a run directory",
        (str(failed),): "the run did not complete (failed: why)",
        (str(failed), "--rounds", "0"): "--rounds=0: must be at least 1",
        (str(failed), "--json", str(tmp_path)): f"--json={tmp_path}: is a directory. Give a file.",
    }
    for arguments, message in cases.items():
        assert main(["bench", *arguments]) == 1
        printed = capsys.readouterr()
        assert message in printed.err
        assert (printed.err.count("\n"), printed.out) == (1, "")
