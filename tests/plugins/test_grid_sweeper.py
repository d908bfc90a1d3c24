"""Grids: their combinations, and one as a user starts it."""

from pathlib import Path

from support import TINY, Command

from hydra_plugins.prunesweep_plugins.grid_sweeper import combinations


def test_baselines_replace_the_value_of_a_combination() -> None:
    values = {"prune": ["prune=custom"], "prune.target": ["prune.target=mine"], "seed": ["seed=0", "seed=1"]}
    replaced = ("prune", "prune.target")
    assert combinations(values, {"prune": ["prune=l1", "prune=snip"]}, replaced) == [
        ["prune=custom", "prune.target=mine", "seed=0"],
        ["prune=custom", "prune.target=mine", "seed=1"],
        ["prune=l1", "seed=0"],
        ["prune=l1", "seed=1"],
        ["prune=snip", "seed=0"],
        ["prune=snip", "seed=1"],
    ]
    assert combinations({"prune": ["prune=l1"], "seed": ["seed=0"]}, {"prune": ["prune=l1"]}, replaced) == [
        ["prune=l1", "seed=0"]
    ], "a baseline that was chosen is not run twice"
    assert combinations({"seed": ["seed=0"]}, {"prune": ["prune=l1"]}, replaced) == [["seed=0"], ["seed=0", "prune=l1"]]
    assert combinations({"seed": ["seed=0"] * 2}, {}, ()) == [["seed=0"]] * 2


def test_a_scan_of_each_layer_alone(run_py: Command, tmp_path: Path) -> None:
    scan = ("search=sensitivity", "layers.include=[fc1],[fc2]", "prune.amount=0.5", "hydra.sweep.dir=s")
    done = run_py(*TINY[:1], *TINY[2:], *scan)
    assert done.code == 0, done.err
    assert "2 of 2 runs completed" in done.out
    assert [path.parent.name for path in sorted((tmp_path / "s").glob("*/result.json"))] == ["0", "1"]
