"""Sweeps in several processes, from the command line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT, Command, outcomes

SHORT = ("model=lenet_300_100", "dataset.validation=3500", "train.epochs=1", "device=cpu")
SWEEP = ("-m", *SHORT, "prune.amount=0.5,0.9", "finetune.epochs=0,1")

NETWORK = """
import multiprocessing
import os
import signal
from pathlib import Path

from torch import nn


class Net(nn.Sequential):
    '''A network that ends its worker, or hangs, during its training.'''

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10))

    def forward(self, images):
        if self.training and multiprocessing.parent_process() is not None:
            misbehave()
        return super().forward(images)


def misbehave():
    if "HANG" in os.environ:
        Path(f"pid-{os.getpid()}").touch()
        signal.pause()
    try:
        Path("killed").mkdir()
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_results_do_not_depend_on_the_number_of_workers(run_py: Command, tmp_path: Path) -> None:
    found = []
    for workers in ("1", "2", "4"):
        options = [f"workers={workers}", f"hydra.sweep.dir={workers}", f"store.dir={tmp_path / ('store' + workers)}"]
        done = run_py(*SWEEP, *options, store=False)
        assert done.code == 0, done.err
        assert done.out.count("lenet_300_100 on mnist5k, seed 0") == 4
        assert "Traceback" not in done.err
        found.append(outcomes(tmp_path / workers))
    assert len(found[0]) == 4
    assert found[0] == found[1] == found[2]
    stores = [sorted(path.name for path in tmp_path.glob(f"store{each}/??/*.json")) for each in ("1", "2", "4")]
    assert stores[0] == stores[1] == stores[2]


def test_runs_are_printed_in_order_and_have_a_log(run_py: Command, tmp_path: Path) -> None:
    done = run_py(*SWEEP, "workers=2", "hydra.sweep.dir=sweep")
    lines = [line for line in done.out.splitlines() if " -> sweep/" in line]
    assert [line.rpartition("/")[2] for line in lines] == ["0", "1", "2", "3"]
    for number, line in enumerate(lines):
        assert (tmp_path / "sweep" / str(number) / "run.log").read_text().endswith(f"{line}\n")


def custom(tmp_path: Path, name: str, *overrides: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a sweep of the network above in two workers."""
    (tmp_path / "fatal.py").write_text(NETWORK)
    own = [f"hydra.sweep.dir={name}", f"store.dir={tmp_path / name}-store", "model=custom", "model.target=fatal.Net"]
    command = [sys.executable, str(ROOT / "run.py"), *SWEEP, *own, "workers=2", *overrides]
    variables = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'src'}", **environment}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=pipe, stderr=pipe, text=True)


def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        out, err = custom(tmp_path, name).communicate()
        assert "4 of 4 runs completed" in out, err
    assert (tmp_path / "killed").exists(), "in the first sweep"
    assert len(outcomes(tmp_path / "one")) == 4
    assert outcomes(tmp_path / "one") == outcomes(tmp_path / "two")


def test_an_interrupt_ends_all_workers_and_says_what_is_left(tmp_path: Path) -> None:
    with custom(tmp_path, "sweep", HANG="1") as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("pid-*"))) < 1:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert "0 of 4 runs completed, 4 not started" in out
    assert "interrupted. Every finished step is stored. To continue, run:\n" in err
    assert err.count("\n") == 2
    pids = [int(path.name.partition("-")[2]) for path in tmp_path.glob("pid-*")]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
