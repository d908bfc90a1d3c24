import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support import Compose

from prunesweep.experiment import provenance
from prunesweep.experiment import run as experiment
from prunesweep.results.run_directory import read

FIELDS = {
    "git", "python", "packages", "os", "cpu", "cores", "gpu", "environment", "data", "steps", "masks", "weights",
    "seconds", "finished",
}  # fmt: skip


def test_every_run_directory_tells_where_it_comes_from(composed: Compose, tmp_path: Path) -> None:
    settings = ("train.epochs=0", "finetune.epochs=0", "device=cpu", f"store.dir={tmp_path / 'store'}")
    results = [experiment.run(composed(*settings, f"seed={seed}"), tmp_path / str(seed)) for seed in (0, 1)]
    told = provenance.read(tmp_path / "0")
    assert told is not None
    assert told.keys() == FIELDS
    assert [step["step"] for step in told["steps"]] == ["Init", "Prune"]
    assert [step["digest"] for step in told["steps"]] == [results[0].dense_digest, results[0].digest]
    assert told["environment"]["threads"] == 2
    assert told["environment"]["torch"] == torch.__version__
    assert told["packages"].keys() >= {"prunesweep", "hydra-core", "numpy"}
    other = provenance.read(tmp_path / "1")
    assert other is not None
    assert other["masks"] != told["masks"]
    assert other["weights"] != told["weights"]
    assert list(provenance.differences(told, other)) == []
    assert read(tmp_path) == []  # no run of Hydra's, and provenance.json disturbs no reader


def test_the_process_asks_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance.here()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("git is called again"))
    provenance.here()


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@x")
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_commit_and_dirty_flag(tmp_path: Path) -> None:
    assert provenance.checkout(tmp_path) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "run.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("")
    assert provenance.checkout(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "run.py").write_text("2")
    assert provenance.checkout(tmp_path) == {"commit": commit, "dirty": True}
    git(tmp_path, "checkout", "-q", "run.py")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "new.py").write_text("")
    assert provenance.checkout(tmp_path) == {"commit": commit, "dirty": True}


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    assert provenance.checkout(tmp_path) is None  # damaged
    monkeypatch.setenv("PATH", "")
    assert provenance.checkout(tmp_path) is None


def test_the_processors_name(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: A: fast one\nmodel name\t: other\n")
    assert provenance.cpu(path) == "A: fast one"
    assert provenance.cpu(tmp_path / "absent") != ""


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_hash_is_of_the_values_alone(kept: list[bool]) -> None:
    mask = torch.tensor(kept).reshape(2, 3)
    twisted = mask.t().contiguous().t()  # the same values in another layout
    one = provenance.tensor_hash({"a": mask, "b": mask})
    assert one == provenance.tensor_hash({"b": twisted, "a": twisted})
    assert one != provenance.tensor_hash({"a": mask, "b": ~mask})
    assert one != provenance.tensor_hash({"a": mask, "c": mask})
    assert one != provenance.tensor_hash({"a": mask.reshape(3, 2), "b": mask})


def test_a_known_hash() -> None:
    """Masks are compared across machines and years: the hash must never change."""
    masks = {"fc.weight": torch.from_numpy(np.array([[True, False], [False, True]]))}
    assert provenance.tensor_hash(masks) == "29f46c19a4f59d3b28ed8a64ce7f69f6d64e4da6c4a80399955ec0f490ea233b"


def test_what_differs() -> None:
    one = {"environment": {"torch": "1", "threads": 2}, "data": "x", "python": "3", "gpu": [], "seconds": 1}
    other = {"environment": {"torch": "2", "threads": 2}, "data": "x", "python": "4", "gpu": [], "seconds": 2}
    assert list(provenance.differences(one, other)) == [("environment.torch", "1", "2"), ("python", "3", "4")]


@pytest.mark.parametrize(
    "content", [None, "{", "[]", "{}", '{"environment": {}, "steps": [1]}', '{"environment": 1, "steps": []}']
)
def test_an_unreadable_file_is_none(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "provenance.json").write_text(content)
    assert provenance.read(tmp_path) is None


def test_it_is_plain_json(composed: Compose) -> None:
    json.dumps(provenance.here(), allow_nan=False)
