import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fakes import Scores, fake_methods
from support import Command, Completed

from prunesweep import cli
from prunesweep.cli import main
from prunesweep.errors import UsageError
from prunesweep.export.formats import FORMATS
from prunesweep.process import CONTINUE
from prunesweep.results.result import write_failed
from prunesweep.store.entries import entry_path
from prunesweep.store.store import Store

VERBS = ("run", "report", "compare", "confirm", "reproduce", "export", "evaluate", "bench", "store")


def test_the_installed_command_lists_its_verbs() -> None:
    command = Path(sys.executable).parent / "prunesweep"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert re.findall(r"^    (\w+)", done.stdout, flags=re.MULTILINE) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS[1:])
def test_the_help_of_a_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    assert f"example: prunesweep {verb} " in capsys.readouterr().out


def test_the_help_of_export_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["export", "--help"])
    printed = capsys.readouterr().out
    assert all(form in printed for form in FORMATS)


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom prunesweep.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print({'torch', 'numpy', 'omegaconf', 'rich', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_a_mistyped_verb_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reprot", "x"]) == 1
    assert capsys.readouterr().err == (
        f"prunesweep: VERB=reprot: must be one of {', '.join(VERBS)}. Did you mean 'report'?\n"
    )


def test_a_missing_verb_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "the following arguments are required: VERB" in capsys.readouterr().err


def test_an_interrupted_verb_prints_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_report", interrupt)
    monkeypatch.setattr(cli, "Interrupts", lambda: SimpleNamespace(received=None, release=int, check=int, hold=int))
    monkeypatch.setattr("atexit.register", lambda _: None)
    monkeypatch.setattr("sys.argv", ["bin/prunesweep", "report", "sweep"])
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err == "interrupted. To start again, run:\n  prunesweep report sweep\n"


ENDS = [
    (KeyboardInterrupt(), 130, f"interrupted. {CONTINUE}\n  prunesweep run -m seed=0,1\n"),
    (UsageError("no"), 1, "error: no\n"),
]


@pytest.mark.parametrize(("error", "code", "message"), ENDS)
def test_a_run_ends_with_the_messages_and_exit_codes_of_run_py(
    error: BaseException,
    code: int,
    message: str,
    restored_signals: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(arguments: list[str]) -> None:
        assert arguments == ["-m", "seed=0,1"]
        raise error

    monkeypatch.setattr("prunesweep.api.run.command", command)
    monkeypatch.setattr("sys.argv", ["bin/prunesweep", "run", "-m", "seed=0,1"])
    with pytest.raises(SystemExit, match=f"^{code}$"):
        main()
    assert capsys.readouterr().err == message


def test_the_shell_completes_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("prunesweep.api.run.complete", called.extend)
    assert main(["-sc", "query=bash"]) == 0
    assert called == ["-sc", "query=bash"]


def test_python_starts_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prunesweep", "report", "nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "does not contain a run" in done.stderr


def test_report_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    write_failed(tmp_path / "0", ["seed=1"], ValueError("why"))
    assert main(["report", str(tmp_path)]) == 0
    assert "run 0 failed: why" in capsys.readouterr().out
    assert (tmp_path / "results.csv").exists()


def test_report_refuses_a_folder_without_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert "does not contain a run" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_several_sweeps_make_one_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name / "0" / ".hydra").mkdir(parents=True)
        write_failed(tmp_path / name / "0", [], ValueError("why"))
    assert main(["report", "a", "b"]) == 0
    assert (tmp_path / "report" / "report.html").exists()
    assert "runs a/0, b/0 failed: why" in capsys.readouterr().out
    assert main(["report", "a", "b", "--out", "here"]) == 0
    assert (tmp_path / "here" / "frontier.png").exists()
    (tmp_path / "file").write_text("")
    assert main(["report", "a", "--out", "file"]) == 1
    assert "--out=file: is a file" in capsys.readouterr().err


def test_store_is_shown_checked_shrunk_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, digest = Store(tmp_path), "ab" + "0" * 62
    step = {"step": "Init", "model": {"name": "lenet5"}, "seed": 0}
    arguments = ["store", "--dir", str(tmp_path)]
    store.save(digest, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main(arguments) == 0
    assert "1 entries" in capsys.readouterr().out
    assert main([*arguments, "--verify"]) == 0
    assert "1 entries, 0 damaged" in capsys.readouterr().out
    entry_path(tmp_path, digest, ".safetensors").write_bytes(b"")
    assert main([*arguments, "--verify"]) == 1
    assert "1 entries, 1 damaged, set aside" in capsys.readouterr().out
    store.save(digest, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main([*arguments, "--prune", "1kB"]) == 0
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "freed" in printed
    assert "0 entries" in printed
    store.save(digest, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main([*arguments, "--clear"]) == 0
    assert " kB freed" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "0 entries" in capsys.readouterr().out


def test_a_read_only_folder_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.open", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
    assert main(["store", "--dir", str(tmp_path), "--clear"]) == 1
    assert capsys.readouterr().err == "prunesweep: [Errno 30] Read-only file system\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--dir", "/absent"], "/absent: does not exist"), (["--dir", ".", "--prune", "much"], "much: must be a size")],
)
def test_bad_options_of_store_are_reported(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", *arguments]) == 1
    assert message in capsys.readouterr().err


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


def test_bench_prints_tables_and_writes_json(
    completed: Completed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = completed("train.epochs=0", "finetune.epochs=0", "prune.amount=0.9")
    file = tmp_path / "bench.json"
    assert main(["bench", str(run), str(run), "--rounds", "1", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert f"{run}: lenet_300_100, " in printed
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
