import json
import subprocess
from pathlib import Path

import pytest
import torch
from support import ROOT, Compose

from prunesweep.experiment import provenance
from prunesweep.experiment import run as experiment
from prunesweep.results.run_directory import find_runs, read_run

FIELDS = {
    "git", "python", "packages", "os", "cpu", "cores", "gpu", "environment", "data", "steps", "masks", "weights",
    "seconds", "finished",
}  # fmt: skip


def test_a_run_writes_its_provenance(composed: Compose, tmp_path: Path) -> None:
    settings = ("train.epochs=0", "finetune.epochs=0", "device=cpu", f"store.dir={tmp_path / 'store'}")
    results = [experiment.run(composed(*settings, f"seed={seed}"), tmp_path / str(seed)) for seed in (0, 1)]
    content = read_run(tmp_path / "0").provenance
    assert content is not None
    assert content.keys() == FIELDS
    assert [step["step"] for step in content["steps"]] == ["Init", "Prune"]
    assert [step["digest"] for step in content["steps"]] == [results[0].dense_digest, results[0].digest]
    assert content["environment"]["threads"] == 1
    assert content["environment"]["torch"] == torch.__version__
    assert content["packages"].keys() >= {"prunesweep", "hydra-core", "numpy"}
    other = read_run(tmp_path / "1").provenance
    assert other is not None
    assert other["masks"] != content["masks"]
    assert other["weights"] != content["weights"]
    assert list(provenance.differences(content, other)) == []
    assert find_runs(tmp_path) == [], "provenance.json alone does not make a directory a run"


def test_facts_are_collected_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance.process_facts()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("git was called again"))
    provenance.process_facts()


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@x")
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_commit_and_uncommitted_changes(tmp_path: Path) -> None:
    assert provenance.git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "run.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("")
    assert provenance.git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "run.py").write_text("2")
    assert provenance.git_state(tmp_path) == {"commit": commit, "dirty": True}
    git(tmp_path, "checkout", "-q", "run.py")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "new.py").write_text("")
    assert provenance.git_state(tmp_path) == {"commit": commit, "dirty": True}


def test_the_checkout_of_this_project_is_found() -> None:
    assert provenance.CHECKOUT == ROOT
    assert all((provenance.CHECKOUT / path).exists() for path in provenance.CODE_PATHS)


def test_a_damaged_checkout_or_a_missing_git_gives_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    assert provenance.git_state(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert provenance.git_state(tmp_path) is None


def test_the_name_of_the_processor(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: A: fast one\nmodel name\t: other\n")
    assert provenance.cpu_name(path) == "A: fast one"
    assert provenance.cpu_name(tmp_path / "absent") != ""


def test_differences_of_two_environments() -> None:
    first = {"environment": {"torch": "1", "threads": 2}, "data": "x", "python": "3", "gpu": [], "seconds": 1}
    second = {"environment": {"torch": "2", "threads": 2}, "data": "x", "python": "4", "gpu": [], "seconds": 2}
    assert list(provenance.differences(first, first)) == []
    assert list(provenance.differences({"git": None, **first}, {"git": {"commit": "a"}, **first})) == [
        ("git", None, {"commit": "a"})
    ]
    assert list(provenance.differences(first, second)) == [("environment.torch", "1", "2"), ("python", "3", "4")]


def test_the_facts_are_plain_json() -> None:
    json.dumps(provenance.process_facts(), allow_nan=False)
