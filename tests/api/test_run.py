"""`prunesweep run`. That it does what `run.py` does is tested with an installed wheel: `.ci/wheel`."""

import sys
from pathlib import Path

import pytest

from prunesweep.api.run import command, complete


def test_the_command_reads_the_same_flags_as_run_py(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("# @package _global_\nprune:\n  amount: 0.25\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = sys.argv
    command(["--cfg", "job", "experiment=mine", "seed=7"])
    assert sys.argv is before
    printed = capsys.readouterr().out
    assert "amount: 0.25\n" in printed
    assert "seed: 7\n" in printed
    assert sys.path[0] == "", "the user's modules are imported from the working directory"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prunesweep run model=len", {"model=lenet5", "model=lenet5_caffe", "model=lenet_300_100"}),
        ("prunesweep run seed=1 prune.am", {"prune.amount="}),
        ("prunesweep report multi", set()),
        ("prunesweep ru", set()),
    ],
)
def test_the_shell_completes_groups_and_options(
    line: str, expected: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setattr(sys, "path", sys.path[:])
    complete(["-sc", "query=bash"])
    assert set(capsys.readouterr().out.split()) == expected


def test_the_shell_lists_everything_after_the_verb(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", "prunesweep run ")
    monkeypatch.setattr(sys, "path", sys.path[:])
    complete(["-sc", "query=bash"])
    assert {"model=", "seed="} <= set(capsys.readouterr().out.split())
