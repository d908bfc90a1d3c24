import os
from pathlib import Path

import pytest
from fakes import Scores, fake_methods
from support import Command

from prunesweep.cli import main

METHODS: Scores = {
    "l1": {0.5: [0.92, 0.93, 0.91], 0.9: [0.82, 0.83, 0.81]},
    "random": {0.5: [0.92, 0.92, 0.92], 0.9: [0.42, 0.43, 0.42]},
}


def test_compare_prints_the_verdict_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep, files = (
        fake_methods(tmp_path / "sweep", METHODS),
        [str(tmp_path / f"table{each}") for each in (".md", ".csv")],
    )
    assert main(["compare", str(sweep), "--by", "prune", "--focus", "random", "--out", *files]) == 0
    printed = capsys.readouterr().out
    assert "random against l1: worse at 0.9, not distinguished at 0.5 (0 wins, 1 tie, 1 loss)" in printed
    assert printed.splitlines()[-2:] == files
    assert "random against l1: worse at 0.9" in Path(files[0]).read_text()


def test_several_sweeps_are_compared_with_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        fake_methods(tmp_path / name, {"l1": METHODS["l1"]})
    assert main(["compare", "a", "b"]) == 0
    assert "a against b: not distinguished at 0.5, 0.9" in capsys.readouterr().out


BAD_COMPARISONS = [
    ((), "--by: is missing. Settings that differ: prune, prune.amount, prune.criterion."),
    (("--by", "prune.criteria"), "is not a setting of these runs. Settings that differ: prune, prune.amount"),
    (("--by", "prune.criteria"), "Did you mean 'prune.criterion'?"),
    (("--by", "model"), "--by=model: has the single value lenet5. A comparison needs at least two values."),
    (("--by", "prune", "--focus", "l2"), "--focus=l2: must be one of l1, random."),
    (("--by", "prune", "--out", "table.docx"), "--out=table.docx: the name must end with one of .csv, .md, .tex."),
    (("--by", "prune", "--focus", "l1", "--all-pairs"), "--focus --all-pairs: "),
    (("--by", "seed"), "nothing can be compared"),
]


@pytest.mark.parametrize(("options", "message"), BAD_COMPARISONS)
def test_a_comparison_that_cannot_be_made_is_one_message(
    options: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(fake_methods(tmp_path / "sweep", METHODS)), *options]) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_one_seed_is_compared_without_a_conclusion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = fake_methods(tmp_path / "sweep", {"l1": {0.5: [0.9]}, "random": {0.5: [0.1]}})
    assert main(["compare", str(sweep), "--by", "prune"]) == 0
    assert "l1 and random: one common seed. Nothing can be concluded" in capsys.readouterr().out


BENCHMARK = ("model=lenet_300_100", "dataset.validation=3500", "train.epochs=1", "finetune.epochs=0", "threads=1")


def test_a_benchmark_ends_with_the_verdict_on_the_users_criterion(run_py: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def score(view):\n    return -view.weight.abs()\n")
    own = ("experiment=benchmark", "prune=custom", "prune.target=mine.score", *BENCHMARK, "hydra.sweep.dir=sweep")
    few = ("prune.amount=0.3,0.5", "seed=0,1", "hydra.sweeper.baselines.prune=l1")
    done = run_py("-m", *own, *few, PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert done.code == 0, done.err
    assert "8 of 8 runs completed" in done.out
    assert "Comparison by prune: mine.score, l1" in done.out
    assert "mine.score against l1: " in done.out.splitlines()[-1]
    assert 'id="comparison"' in (tmp_path / "sweep" / "report.html").read_text()
    assert main(["compare", str(tmp_path / "sweep"), "--by", "prune.criterion"]) == 0


def test_a_benchmark_is_a_sweep(run_py: Command, tmp_path: Path) -> None:
    done = run_py("experiment=benchmark", "prune=taylor")
    assert done.code == 1
    assert "experiment=benchmark: is a sweep. Add -m" in done.err
    assert list(tmp_path.iterdir()) == []
