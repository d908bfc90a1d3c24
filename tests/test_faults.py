"""Whole sweeps in real processes: killed, interrupted, and two at the same time on one store."""

import contextlib
import importlib
import json
import os
import re
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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_number_of_workers_and_their_deaths_change_no_bit(
    faults: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "FORKS", False)  # workers that a forked test process starts take minutes
    sweep = ("-m", *TINY, "prune.amount=0.5,0.9", "finetune.epochs=0,1")
    attacks = faults.workers(tmp_path, sweep, times=3, seed=0)
    assert attacks.faults == []
    assert attacks.tried == 3 + 3 + 1, "three ways to execute the sweep, three kills, and the end"


def test_other_bits_are_found(faults: ModuleType, tmp_path: Path) -> None:
    for name, loss in (("one", 0.5), ("two", 0.25)):
        run = tmp_path / name / "sweep" / "0"
        run.mkdir(parents=True)
        (run / "result.json").write_text(json.dumps({"seconds": loss, "final": {"seconds": 1}, "train": [loss]}))
        (run / "model.safetensors").touch()
        (run.parent / "results.csv").touch()
        (run.parents[1] / "log").touch()
    assert faults.bits(tmp_path / "one")["0"][0] == {"final": {}, "train": [0.5]}
    assert faults.wrong_bits(tmp_path / "one", tmp_path / "two") == ["run 0 differs"]
    (tmp_path / "two" / "store" / "ab").mkdir(parents=True)
    (tmp_path / "two" / "store" / "ab" / "abc.json").touch()
    assert "the stores have different entries" in faults.wrong_bits(tmp_path / "one", tmp_path / "two")


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
        summary = r"(\d) of 4 runs completed(?:, (\d) unfinished)?(?:, (\d) not started)?"
        (counts,) = re.findall(summary, (tmp_path / number.name).read_text())
        assert sum(int(count or 0) for count in counts) == 4
        assert int(counts[0]) < 4
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
