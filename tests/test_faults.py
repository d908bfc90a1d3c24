"""Whole sweeps in real processes: killed, interrupted, and two at the same time on one store."""

import contextlib
import json
import runpy
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from prunesweep.store.store import Verification, verify
from prunesweep.store.tally import Tally

TINY = ("model=lenet_300_100", "threads=1", "device=cpu", "train.epochs=1", "store.dir=store")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "run.py"), *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def faults() -> dict[str, Callable[..., Any]]:
    """The functions of the benchmark, which exposes larger sweeps to more faults."""
    return runpy.run_path(str(ROOT / "benchmarks" / "faults.py"))


def test_a_sweep_that_was_killed_repeatedly_has_the_results_of_an_undisturbed_one(
    faults: dict[str, Callable[..., Any]], tmp_path: Path
) -> None:
    sweep = ("-m", *TINY, "prune.amount=0.5,0.9", "finetune.epochs=0,2")
    assert faults["killed"](tmp_path, sweep, times=3, seed=1).faults == []


def test_two_processes_that_start_the_same_sweep_compute_each_step_once(
    faults: dict[str, Callable[..., Any]], tmp_path: Path
) -> None:
    sweep = ("-m", *TINY, "prune.amount=0.5,0.9", "finetune.epochs=0,1,2")
    assert faults["together"](tmp_path, sweep).faults == []
    tally = Tally.read(tmp_path / "0" / "store")
    assert tally.computed == 2 + 2 * (1 + 2), "the dense network, and for each amount the pruning and two epochs"
    scores, counts = 1 + 2 * 3, 2 * 3
    assert verify(tmp_path / "0" / "store") == Verification(tally.computed + scores + counts)


def wait_for(process: subprocess.Popen[str], folder: Path, more: int) -> None:
    """Wait until the process has added `more` entries to the store in `folder`, or has ended."""
    goal = entries(folder) + more
    while process.poll() is None and entries(folder) < goal:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.005)


def entries(folder: Path) -> int:
    return len(list((folder / "store").glob("??/*.json")))


def test_an_interrupted_sweep_prints_a_summary_and_the_command_that_continues_it(tmp_path: Path) -> None:
    process = start(tmp_path, "-m", *TINY, "prune.amount=0.2,0.4,0.6,0.8", "finetune.epochs=5")
    for number, code, more in ((signal.SIGINT, 130, 9), (signal.SIGTERM, 143, 8)):
        wait_for(process, tmp_path, more)
        process.send_signal(number)
        out, err = process.communicate()
        assert process.returncode == code, err
        assert "runs completed, 1 did not" in out
        assert "Traceback" not in err
        assert err.count("interrupted") == 1
        command = shlex.split(err.splitlines()[-1])
        assert command[0] == Path(sys.executable).name
        kept = entries(tmp_path)
        process = start(tmp_path, *command[2:])
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "4 of 4 runs completed" in out
    (sweep,) = (path.parent for path in tmp_path.glob("multirun/**/results.csv"))
    assert entries(tmp_path) > kept
    assert Tally.read(tmp_path / "store").cached > 0
    results = [json.loads(path.read_text()) for path in sweep.glob("*/result.json")]
    assert [result["status"] for result in results] == ["completed"] * 4
