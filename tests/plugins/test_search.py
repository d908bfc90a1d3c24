"""Searches as a user starts them, in real processes."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock, PropertyMock

import pytest
from hydra import compose, initialize_config_dir
from optuna.trial import TrialState, create_trial
from support import ROOT, SPACE, TINY, Command, results, trials

from prunesweep.search.ledger import Claim
from prunesweep.search.loop import Search


def test_a_search_goes_on_to_its_total_and_overwrites_nothing(run_py: Command, tmp_path: Path) -> None:
    folder = tmp_path / "multirun" / "mine"
    first = run_py(*TINY, *SPACE, "study=mine", "hydra.sweeper.n_trials=2")
    assert first.code == 0, first.err
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}
    again = run_py(*TINY, *SPACE, "study=mine", "hydra.sweeper.n_trials=4")
    assert again.code == 0, again.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [row["trial"] for row in trials(folder) if row["status"] == "completed"] == sorted(
        path.parent.name for path in folder.glob("*/result.json")
    )
    assert len({(row["prune.amount"], row["layers"]) for row in trials(folder)}) >= 4
    assert "mine: 4/4 trials, best within 0.5 points of dense" in again.out
    assert "4 of 4 runs completed" in again.out
    found = results(folder)
    assert found["trials"]["completed"] == 4
    for each in found["pareto"]:
        assert (folder / each["directory"] / "result.json").exists()
        assert set(each["values"]) == {"final.val_accuracy", "param_reduction"}
    changed = run_py(*TINY, *SPACE, "study=mine", "layers=choice(fc)")
    assert changed.code == 1
    assert "study=mine: was begun as another search" in changed.err
    assert "layers: choice(all,fc) -> choice(fc)" in changed.err
    assert len(trials(folder)) >= 4


def test_failures_are_recorded_and_the_search_goes_on_until_there_are_too_many(run_py: Command, tmp_path: Path) -> None:
    bad = (*TINY, "train.epochs=1", "layers=choice(conv,fc)", "finetune.epochs=choice(0)", "prune.amount=choice(0.5)")
    bad = (*bad, "optimizer.lr=choice(0.1,1e30)")
    done = run_py(*bad, "study=s", "hydra.sweeper.n_trials=20", "hydra.sweeper.max_failure_rate=0.2")
    assert done.code == 0, done.err
    rows = {
        (row["layers"], row["optimizer.lr"]): row
        for row in trials(tmp_path / "multirun" / "s")
        if row["status"] != "duplicate"
    }
    assert {key: row["status"] for key, row in rows.items()} == {
        ("fc", "0.1"): "completed", ("fc", "1e+30"): "failed", ("conv", "0.1"): "failed", ("conv", "1e+30"): "failed"
    }  # fmt: skip
    assert "selects no layer" in rows["conv", "0.1"]["note"]
    assert "training diverged" in rows["fc", "1e+30"]["note"]
    enough = run_py(*bad, "study=t", "hydra.sweeper.n_trials=20", "hydra.sweeper.max_failure_rate=0")
    assert enough.code == 1
    assert "1 trials failed, more than hydra.sweeper.max_failure_rate=0 of n_trials=20 allows" in enough.err


def test_replicates_with_one_objective(run_py: Command, tmp_path: Path) -> None:
    one = ("search.objectives=[val_loss]", "search.replicates=2", "seed=3", "hydra.sweeper.n_trials=2", "study=r")
    done = run_py(*TINY, *SPACE, *one)
    assert done.code == 0, done.err
    folder = tmp_path / "multirun" / "r"
    assert sorted(path.parent.name for path in folder.glob("0/*/result.json")) == ["seed=3", "seed=4"]
    row = trials(folder)[0]
    each = [float(row[f"final.val_loss seed={seed}"]) for seed in (3, 4)]
    assert float(row["final.val_loss"]) == sum(each) / 2
    assert float(row["final.val_loss sd"]) > 0
    assert len(results(folder)["pareto"]) == 1
    assert "4 of 4 runs completed" in done.out


def test_killed_again_and_again_it_ends_as_if_left_alone() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "faults_search.py"), "--trials", "6", "--kills", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 trials, 2 kills: none lost, none twice, the same set" in done.stdout


def test_a_scan_of_each_layer_alone(run_py: Command, tmp_path: Path) -> None:
    scan = ("search=sensitivity", "layers.include=[fc1],[fc2]", "prune.amount=0.5", "hydra.sweep.dir=s")
    done = run_py(*TINY[:1], *TINY[2:], *scan)
    assert done.code == 0, done.err
    assert "2 of 2 runs completed" in done.out
    assert [path.parent.name for path in sorted((tmp_path / "s").glob("*/result.json"))] == ["0", "1"]


def test_the_stock_sweeper_keeps_working(run_py: Command, tmp_path: Path) -> None:
    stock = (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.n_jobs=1",
        "hydra.sweeper.direction=maximize",
    )
    done = run_py(
        *TINY[:1], *TINY[2:], *stock, "prune.amount=choice(0.1,0.5)", "finetune.epochs=0", "hydra.sweep.dir=s"
    )
    assert done.code == 0, done.err
    assert "2 of 2 runs completed" in done.out


BAD = [
    ("search.objectives=[val_acuracy]", "search.objectives=val_acuracy: must be one of val_accuracy, val_loss"),
    ("hydra/sweeper/sampler=tpa", "hydra/sweeper/sampler=tpa: must be one of cmaes, gp, grid"),
    ("prune.amount=range(0.5,1.5,step=0.5)", "prune.amount=1.5: must be at least 0 and at most 1"),
    ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials=0: must be at least 1"),
]


@pytest.mark.parametrize(("override", "message"), BAD, ids=[override for override, _ in BAD])
def test_bad_input(override: str, message: str, run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "search=tradeoff", override)
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.out + done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "conf" / "search").glob("*.yaml")))
def test_every_search_composes(name: str) -> None:
    with initialize_config_dir(str(ROOT / "conf")):
        config = compose("config", [f"search={name}"], return_hydra_config=True)
    sweeper = "grid.GridSweeper" if name in ("grid", "sensitivity") else "search.SearchSweeper"
    assert config.hydra.sweeper._target_ == f"hydra_plugins.prunesweep_plugins.{sweeper}"


def test_what_another_machine_ends_last_is_in_the_last_table() -> None:
    """Its trial may end between this one's last table and its last look for work."""
    own = create_trial(state=TrialState.COMPLETE, value=1.0)
    other = create_trial(state=TrialState.RUNNING), create_trial(state=TrialState.COMPLETE, value=1.0)
    book = MagicMock()
    book.claim.side_effect = [Claim([own], others=False), Claim([], others=False)]
    type(book).trials = PropertyMock(side_effect=[[], [own, other[0]], [], [own, other[1]]])
    search = MagicMock(batch=1)
    Search._work(search, book)
    assert [call.args[0] for call in search._show.call_args_list] == [[own, other[0]], [own, other[1]]]
