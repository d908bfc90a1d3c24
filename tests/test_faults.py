"""Whole sweeps in real processes: killed, interrupted, and two at the same time on one store."""

import contextlib
import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import forked
import pytest
from support import FORKS, ROOT

from prunesweep.store.store import Verification, verify
from prunesweep.store.tally import Tally

TINY = ("model=lenet_300_100", "threads=1", "device=cpu", "train.epochs=1", "store.dir=store")


def start(folder: Path, arguments: tuple[str, ...], log: str = "log") -> forked.Forked | subprocess.Popen[bytes]:
    """Start `python run.py arguments` in `folder`, with its output in the files `log` and `log.err` there."""
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / log, folder / f"{log}.err"
    if FORKS:
        return forked.start(ROOT / "run.py", arguments, folder, out, err, os.environ)
    with out.open("ab") as first, err.open("ab") as second:
        command = [sys.executable, str(ROOT / "run.py"), *arguments]
        return subprocess.Popen(command, cwd=folder, stdout=first, stderr=second)


@pytest.fixture(scope="module")
def faults() -> Iterator[ModuleType]:
    """The benchmark that exposes larger sweeps to more faults."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        module = importlib.import_module("faults")
        patch.setattr(module, "start", start)
        yield module


def test_a_sweep_that_was_killed_repeatedly_has_the_results_of_an_undisturbed_one(
    faults: ModuleType, tmp_path: Path
) -> None:
    sweep = ("-m", *TINY, "prune.amount=0.5,0.9", "finetune.epochs=1")
    assert faults.killed(tmp_path, sweep, times=1, seed=1).faults == []


def test_two_processes_that_start_the_same_sweep_compute_each_step_once(faults: ModuleType, tmp_path: Path) -> None:
    sweep = ("-m", *TINY, "prune.amount=0.5,0.9", "finetune.epochs=0,1,2")
    assert faults.together(tmp_path, sweep).faults == []
    tally = Tally.read(tmp_path / "0" / "store")
    assert tally.computed == 2 + 2 * (1 + 2), "the dense network, and for each amount the pruning and two epochs"
    scores, counts = 1 + 2 * 3, 2 * 3
    assert verify(tmp_path / "0" / "store") == Verification(tally.computed + scores + counts)


def entries(folder: Path) -> int:
    return len(list((folder / "store").glob("??/*.json")))


def test_an_interrupted_sweep_prints_a_summary_and_the_command_that_continues_it(tmp_path: Path) -> None:
    arguments: tuple[str, ...] = ("-m", *TINY, "prune.amount=0.2,0.4,0.6,0.8", "finetune.epochs=5")
    for number, code, more in ((signal.SIGINT, 130, 9), (signal.SIGTERM, 143, 8)):
        kept = entries(tmp_path)
        process = start(tmp_path, arguments, number.name)
        while process.poll() is None and entries(tmp_path) < kept + more:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.005)
        process.send_signal(number)
        err = tmp_path / f"{number.name}.err"
        assert process.wait() == code, err.read_text()
        assert "runs completed, 1 unfinished" in (tmp_path / number.name).read_text()
        assert "Traceback" not in err.read_text()
        assert err.read_text().count("interrupted") == 1
        command = shlex.split(err.read_text().splitlines()[-1])
        assert command[0] == Path(sys.executable).name
        arguments = tuple(command[2:])
    kept = entries(tmp_path)
    assert start(tmp_path, arguments).wait() == 0, (tmp_path / "log.err").read_text()
    assert "4 of 4 runs completed" in (tmp_path / "log").read_text()
    (sweep,) = (path.parent for path in tmp_path.glob("multirun/**/results.csv"))
    assert entries(tmp_path) > kept
    assert Tally.read(tmp_path / "store").cached > 0
    results = [json.loads(path.read_text()) for path in sweep.glob("*/result.json")]
    assert [result["status"] for result in results] == ["completed"] * 4
