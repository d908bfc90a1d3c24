import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, Completed, edit

from prunesweep.errors import UsageError
from prunesweep.experiment import saved

UNTRAINED = ("train.epochs=0", "finetune.epochs=0")


def test_a_run_reads_back(completed: Completed) -> None:
    folder = completed(*UNTRAINED, "prune.amount=0.3", "model=conv_lenet", "model.widths=[2,2,2,2]")
    run = saved.read(folder)
    assert run.config.prune.amount == 0.3
    assert run.config.model.build((1, 28, 28), 10).conv4.out_channels == 2
    assert run.config.finetune.batch_size == 128  # ${train.batch_size}
    assert run.config.store.dir is None, "the store belongs to the machine"
    assert run.result["amount"] == 0.3
    assert run.provenance is not None
    assert "conv1.weight" in run.weights()
    assert run.notes == ()


def test_settings_that_did_not_exist_are_told(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    path = folder / ".hydra" / "config.yaml"
    path.write_text(path.read_text().replace("  gamma: 0.1\n", "", 1))
    (note,) = saved.read(folder).notes
    assert note == "settings that did not exist then, at today's defaults: train.gamma=0.1"


def test_settings_that_exist_no_more_are_refused(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    edit(folder, train__warmup=3)
    with pytest.raises(UsageError, match="Key 'warmup' not in 'Train'"):
        saved.read(folder)


@pytest.mark.parametrize("root", ["/elsewhere", "${oc.env:HOME}"])
def test_data_that_lie_elsewhere_here(
    root: str, completed: Completed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = completed(*UNTRAINED)
    edit(folder, dataset={"name": "mnist", "root": root})
    assert saved.read(folder).config.dataset.root is None
    monkeypatch.setenv("PRUNESWEEP_DATA", str(tmp_path))
    run = saved.read(folder)
    assert run.config.dataset.root == str(tmp_path)
    moved = [note for note in run.notes if note.startswith("dataset.root=/elsewhere does not hold mnist here")]
    assert bool(moved) == (root == "/elsewhere")


def test_data_that_lie_where_they_lay(completed: Completed, full_data: Path) -> None:
    folder = completed(*UNTRAINED)
    edit(folder, dataset={"name": "mnist", "root": str(full_data)})
    assert saved.read(folder).config.dataset.root == str(full_data)


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"model": {"name": "custom", "target": "evil.Net"}}, "model.target=evil.Net"),
    ({"prune__criterion": "custom", "prune__target": "evil.score"}, "prune.target=evil.score"),
    ({"optimizer__target": "evil.Net"}, "optimizer.target=evil.Net"),
    ({"extra": [{"deep": {"_target_": "evil.Net"}}]}, "extra.0.deep._target_=evil.Net"),
    ({"dataset__name": "${oc.env:HOME}"}, "takes dataset.name from outside itself, ${oc.env:HOME}"),
    ({"device": "x${device}${oc.decode:y}"}, "takes device from outside itself"),
]


@pytest.mark.parametrize(("values", "message"), HOSTILE, ids=[message for _, message in HOSTILE])
def test_code_is_refused_and_not_run(
    values: dict[str, Any], message: str, completed: Completed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'done')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    folder = completed(*UNTRAINED)
    edit(folder, **values)
    with pytest.raises(UsageError, match=re.escape(message)):
        saved.read(folder)
    assert not (tmp_path / "done").exists()


def test_yaml_that_makes_objects_is_refused(completed: Completed, tmp_path: Path) -> None:
    folder = completed(*UNTRAINED)
    (folder / ".hydra" / "config.yaml").write_text(f"seed: !!python/object/apply:os.mkdir ['{tmp_path / 'done'}']\n")
    with pytest.raises(UsageError, match=r"config.yaml: cannot be read \(ConstructorError"):
        saved.read(folder)
    assert not (tmp_path / "done").exists()


def test_every_path_that_is_imported_is_called_target() -> None:
    """Else `refuse_code` would not see it."""
    sources = [path.read_text() for path in (ROOT / "src" / "prunesweep").rglob("*.py")]
    keys = {key for text in sources for key in re.findall(r"""(?:locate|source_of)\(\s*f?"([^"]+)\"""", text)}
    assert keys >= {"model.target", "prune.target"}
    assert {key.rpartition(".")[2] for key in keys} <= set(saved.CODE)


def test_what_is_no_completed_run(completed: Completed, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: is not a run directory. There is no .hydra/ in it"):
        saved.read(tmp_path / "empty")
    folder = completed(*UNTRAINED)
    with pytest.raises(UsageError, match="is not a run directory. It is a sweep: give one of its runs, like .*/run"):
        saved.read(tmp_path)
    (folder / "result.json").write_text(json.dumps({"status": "failed", "error": "<script>\x1b[2J", "overrides": []}))
    with pytest.raises(UsageError, match=r"did not complete \(failed: <script>\\x1b\[2J\)"):
        saved.read(folder)
    (folder / "result.json").unlink()
    with pytest.raises(UsageError, match=r"did not complete \(unfinished: there is no result.json"):
        saved.read(folder)


@pytest.mark.parametrize("content", ["[1, 2]", "", "a: {"])
def test_a_broken_config(content: str, completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    (folder / ".hydra" / "config.yaml").write_text(content)
    with pytest.raises(UsageError, match="config.yaml|model=none"):
        saved.read(folder)


def test_broken_weights(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    (folder / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UsageError, match="model.safetensors: cannot be read"):
        saved.read(folder).weights()
