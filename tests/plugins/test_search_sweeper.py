"""Searches as a user starts them, in real processes, and their settings."""

import csv
import json
from pathlib import Path

import pytest
from c_files import NEEDS_COMPILER
from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from hydra.utils import instantiate
from support import ROOT, SPACE, TINY, Command, results, trials

from prunesweep.config import build
from prunesweep.search.space import Space
from prunesweep.search.stopping import Limits


def test_the_limits_of_a_search_are_those_of_the_command_line(loader: ConfigLoader) -> None:
    limits = ("n_trials=9", "timeout=60", "patience=5", "max_failure_rate=0", "n_jobs=1")
    overrides = ["search=tradeoff", "study=mine", *(f"hydra.sweeper.{each}" for each in limits)]
    config = loader.load_configuration("config", overrides, run_mode=RunMode.MULTIRUN)
    sweeper = instantiate(config.hydra.sweeper, _recursive_=False, _execution_whitelist_=["hydra_plugins.*"])
    sweeper.config = config
    spec = sweeper._spec(build(config), Space(()), {})
    assert spec.limits == Limits(total=9, max_failure_rate=0, timeout=60, patience=5)


def test_a_search_continues_to_its_total_and_overwrites_nothing(run_py: Command, tmp_path: Path) -> None:
    folder = tmp_path / "multirun" / "mine"
    first = run_py(*TINY, *SPACE, "study=mine", "hydra.sweeper.n_trials=1")
    assert first.code == 0, first.err
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}
    again = run_py(*TINY, *SPACE, "study=mine", "hydra.sweeper.n_trials=2")
    assert again.code == 0, again.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [row["trial"] for row in trials(folder) if row["status"] == "completed"] == sorted(
        path.parent.name for path in folder.glob("*/result.json")
    )
    assert len({(row["prune.amount"], row["layers"]) for row in trials(folder)}) >= 2
    assert "mine: 2 of 2 trials, best within 0.5 points of dense" in again.out
    assert "2 of 2 runs completed" in again.out
    found = results(folder)
    assert found["trials"]["completed"] == 2
    for each in found["pareto"]:
        assert (folder / each["directory"] / "result.json").exists()
        assert set(each["values"]) == {"final.val_accuracy", "param_reduction"}
    changed = run_py(*TINY, *SPACE, "study=mine", "layers=choice(fc)")
    assert changed.code == 1
    assert (
        "multirun/mine: contains another sweep. These settings differ:\n  layers: choice(all,fc) -> choice(fc)\n"
        in changed.err
    )
    assert "2 of 2 runs" not in changed.out
    assert len(trials(folder)) >= 2


def test_impossible_options_are_left_out_and_too_many_failures_end_the_search(run_py: Command, tmp_path: Path) -> None:
    bad = (*TINY, "train.epochs=1", "layers=choice(conv,fc)", "finetune.epochs=choice(0)", "prune.amount=choice(0.5)")
    bad = (*bad, "optimizer.lr=choice(0.1,1e30)")
    done = run_py(*bad, "study=s", "hydra.sweeper.n_trials=20", "hydra.sweeper.max_failure_rate=0.2")
    assert done.code == 0, done.err
    assert "layers=conv is left out of the search. layers.include=['*']" in done.out + done.err
    rows = {
        (row["layers"], row["optimizer.lr"]): row
        for row in trials(tmp_path / "multirun" / "s")
        if row["status"] != "duplicate"
    }
    assert {key: row["status"] for key, row in rows.items()} == {("fc", "0.1"): "completed", ("fc", "1e+30"): "failed"}
    assert results(tmp_path / "multirun" / "s")["ended"] == "all 2 combinations were tried"
    assert "s: ended after 2 trials: all 2 combinations were tried" in done.out
    assert "training diverged" in rows["fc", "1e+30"]["note"]
    enough = run_py(*bad, "study=t", "hydra.sweeper.n_trials=20", "hydra.sweeper.max_failure_rate=0")
    assert enough.code == 1
    assert "1 trial failed, more than hydra.sweeper.max_failure_rate=0 of n_trials=20 allows" in enough.err


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


BAD = [
    ("search.objectives=[val_acuracy]", "search.objectives=val_acuracy: must be one of val_accuracy, val_loss"),
    ("hydra/sweeper/sampler=tpa", "hydra/sweeper/sampler=tpa: must be one of cmaes, gp, grid"),
    ("prune.amount=range(0.5,1.5,step=0.5)", "prune.amount=1.5: must be at least 0 and at most 1"),
    ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials=0: must be at least 1"),
    ("hydra.sweeper.timeout=0", "hydra.sweeper.timeout=0.0: must be above 0"),
    ("hydra.sweeper.patience=0", "hydra.sweeper.patience=0: must be at least 1"),
    ("+hydra.sweeper.halving={factor: 1}", "hydra.sweeper.halving.factor=1: must be at least 2"),
    ("hydra.sweeper.warm_start=magnitude", "hydra.sweeper.warm_start=magnitude: sets the offsets of layers, such as"),
    ("hydra.sweeper.warm_start=magnitud", "warm_start=magnitud: must be one of magnitude. Did you mean 'magnitude'"),
    (
        '+hydra.sweeper.conditions={finetune.epochs: "optimizer=adam"}',
        "conditions: finetune.epochs: optimizer=adam: optimizer is not searched",
    ),
]


@pytest.mark.parametrize(("override", "message"), BAD, ids=[override for override, _ in BAD])
def test_bad_input(override: str, message: str, run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "search=tradeoff", override)
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.out + done.err
    assert list(tmp_path.iterdir()) == []


HALVING_BAD = [
    ("hydra/sweeper/sampler=nsgaii", "hydra.sweeper.halving: cannot be combined with this sampler"),
    ("hydra.sweeper.halving.key=layers", "halving.key=layers: is searched over choice(all,conv,fc). Halving needs"),
    (
        "finetune.decay=cosine",
        "the run prune.amount=0.4 finetune.epochs=5 layers=all does not continue the run prune.amount=0.4 "
        "finetune.epochs=3 layers=all, so halving would save nothing",
    ),
]


@pytest.mark.parametrize(("override", "message"), HALVING_BAD, ids=[override for override, _ in HALVING_BAD])
def test_halving_that_cannot_work_is_refused(override: str, message: str, run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "search=halving", override)
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.out + done.err
    assert list(tmp_path.iterdir()) == []


def test_a_search_with_halving_promotes_and_continues(run_py: Command, tmp_path: Path) -> None:
    short = ("-m", "search=halving", *TINY[2:], *SPACE[::2], "finetune.epochs=choice(0,1)", "study=h")
    folder = tmp_path / "multirun" / "h"
    first = run_py(*short, "hydra.sweeper.n_trials=2")
    assert first.code == 0, first.err
    assert [row["finetune.epochs"] for row in trials(folder)] == ["0", "0"]
    again = run_py(*short, "hydra.sweeper.n_trials=4")
    assert again.code == 0, again.err
    rows = [row for row in trials(folder) if row["status"] == "completed"]
    assert [row["finetune.epochs"] for row in rows] == ["0", "0", "1", "0"]
    assert (rows[2]["prune.amount"], rows[2]["layers"]) in [(row["prune.amount"], row["layers"]) for row in rows[:2]]
    assert "h: 4 of 4 trials" in again.out


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "conf" / "search").glob("*.yaml")))
def test_every_search_composes(name: str) -> None:
    with initialize_config_dir(str(ROOT / "conf")):
        config = compose("config", [f"search={name}"], return_hydra_config=True)
    sweeper = "GridSweeper" if name in ("grid", "sensitivity") else "SearchSweeper"
    assert config.hydra.sweeper._target_.endswith(f".{sweeper}")


@pytest.mark.parametrize(
    ("name", "objective"),
    [("bytes", "packed_bytes"), pytest.param("latency", "latency_us", marks=NEEDS_COMPILER)],
)
def test_a_search_for_a_measured_cost_continues_and_reports_it(
    name: str, objective: str, run_py: Command, tmp_path: Path
) -> None:
    untrained = ("dataset.validation=3500", "train.epochs=0", "finetune.epochs=choice(0)", "threads=1", "workers=1")
    short = ("-m", f"search={name}", *untrained, *(["quantize.epochs=0"] if name == "bytes" else []), "study=s")
    first = run_py(*short, "hydra.sweeper.n_trials=1")
    assert first.code == 0, first.err
    folder = tmp_path / "multirun" / "s"
    before = [row[objective] for row in trials(folder)]
    again = run_py(*short, "hydra.sweeper.n_trials=2")
    assert again.code == 0, again.err
    costs = [row[objective] for row in trials(folder) if row["status"] == "completed"]
    assert (len(costs), costs[:1]) == (2, before)
    with (folder / "results.csv").open() as file:
        assert [float(row[objective]) for row in csv.DictReader(file)] == [float(cost) for cost in costs]
    assert list(results(folder)["objectives"]) == ["final.val_accuracy", objective]


def test_a_search_for_an_allocation_begins_with_that_of_global_magnitude(run_py: Command, tmp_path: Path) -> None:
    untrained = ("dataset.validation=3500", "train.epochs=0", "finetune.epochs=choice(0)", "threads=1", "study=a")
    done = run_py(
        *("-m", "search=allocation", *untrained, "hydra.sweeper.halving=null", "hydra.sweeper.n_trials=2"),
        *("prune.amount=0.5", "workers=1"),
    )
    assert done.code == 0, done.err
    folder = tmp_path / "multirun" / "a"
    runs = {name: json.loads((folder / name / "result.json").read_text()) for name in ("magnitude", "0", "1")}
    assert len({run["params_nonzero"] for run in runs.values()}) == 1, "the total is the same"
    by_magnitude, first = ({layer["name"]: layer for layer in runs[name]["layers"]} for name in ("magnitude", "0"))
    for name, layer in by_magnitude.items():  # offsets are rounded to multiples of 0.25
        assert first[name]["nonzero"] == pytest.approx(layer["nonzero"], rel=0.2, abs=3)
    assert runs["magnitude"]["scope"] == "global"
