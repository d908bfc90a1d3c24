import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, Completed, edit

from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment import saved
from prunesweep.experiment.saved import Files, completed_run, load_config, load_weights, save_config

UNTRAINED = ("train.epochs=0", "finetune.epochs=0")


def load(folder: Path) -> tuple[RunConfig, list[str]]:
    return load_config(completed_run(folder))


def test_config_and_weights_of_a_run_are_loaded(completed: Completed) -> None:
    folder = completed(*UNTRAINED, "prune.amount=0.3", "model=conv_lenet", "model.widths=[2,2,2,2]")
    run = completed_run(folder)
    assert run.result["amount"] == 0.3
    assert run.provenance is not None
    config, notes = load_config(run)
    assert config.prune.amount == 0.3
    assert config.model.name == "conv_lenet"
    assert config.finetune.batch_size == 128, "a reference: ${train.batch_size}"
    assert notes == []
    assert load_weights(run)["conv4.weight"].shape == (2, 2, 3, 3)


def test_a_config_is_saved_so_that_it_is_loaded_equal(completed: Completed) -> None:
    folder = completed(*UNTRAINED, "prune.amount=0.3")
    config, _ = load(folder)
    save_config(folder, config)
    assert load(folder) == (config, [])


def test_settings_of_the_machine_are_not_taken_from_the_run(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    default, _ = load(folder)
    edit(
        folder,
        logger={"name": "mlflow", "tracking_uri": "http://elsewhere"},
        store={"dir": "/elsewhere", "max_gb": 1},
        study="elsewhere",
        search__storage="${oc.env:HOME}",
        search__heartbeat=7,
        search__replicates=3,
    )
    config, notes = load(folder)
    assert notes == []
    assert config.logger.name == "none"
    assert config.store.dir is None
    assert config.study is None
    assert config.search.storage is None
    assert config.search.heartbeat == default.search.heartbeat
    assert config.search.replicates == 3, "it changes the result of a search"


def test_missing_settings_get_their_defaults_and_a_note(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    path = folder / ".hydra" / "config.yaml"
    path.write_text(path.read_text().replace("  gamma: 0.1\n", "", 1))
    (note,) = load(folder)[1]
    assert note == ("the saved config does not have these settings, their current defaults are used: train.gamma=0.1")


def test_unknown_settings_are_refused(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    edit(folder, train__warm_up=3)
    with pytest.raises(UsageError, match="warm_up"):
        load(folder)


@pytest.mark.parametrize(("root", "is_noted"), [("/elsewhere", True), ("${oc.env:HOME}", False), (None, False)])
def test_data_is_always_read_from_the_folder_of_the_present_machine(
    root: str | None, is_noted: bool, completed: Completed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = completed(*UNTRAINED)
    edit(folder, dataset={"name": "mnist", "root": root})
    assert load(folder)[0].dataset.root is None
    monkeypatch.setenv("PRUNESWEEP_DATA", str(tmp_path))
    config, notes = load(folder)
    assert config.dataset.root == str(tmp_path)
    note = f"dataset.root=/elsewhere is not used: data is read from {tmp_path}. To change it, give --root, or set"
    assert any(each.startswith(note) for each in notes) == is_noted


def test_the_kind_of_the_device_is_kept_and_its_number_is_not(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    for saved_device, device in (("cpu", "cpu"), ("auto", "auto"), ("cuda", "cuda"), ("cuda:3", "cuda")):
        edit(folder, device=saved_device)
        assert load(folder)[0].device == device


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"model": {"name": "custom", "target": "evil.Net"}}, "model.target=evil.Net"),
    ({"prune__criterion": "custom", "prune__target": "evil.score"}, "prune.target=evil.score"),
    ({"optimizer__target": "evil.Net"}, "optimizer.target=evil.Net"),
    ({"extra": [{"deep": {"_target_": "evil.Net"}}]}, "extra.0.deep._target_=evil.Net"),
    ({"dataset__name": "${oc.env:HOME}"}, "computes dataset.name from outside the config, ${oc.env:HOME}"),
    ({"device": "x${device}${oc.decode:y}"}, "computes device from outside the config"),
]


@pytest.mark.parametrize(("values", "message"), HOSTILE, ids=[message for _, message in HOSTILE])
def test_code_in_a_config_is_refused_and_not_executed(
    values: dict[str, Any], message: str, completed: Completed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    folder = completed(*UNTRAINED)
    edit(folder, **values)
    with pytest.raises(UsageError, match=re.escape(message)):
        load(folder)
    assert not (tmp_path / "executed").exists()


def test_yaml_that_constructs_objects_is_refused(completed: Completed, tmp_path: Path) -> None:
    folder = completed(*UNTRAINED)
    made = tmp_path / "executed"
    (folder / ".hydra" / "config.yaml").write_text(f"seed: !!python/object/apply:os.mkdir ['{made}']\n")
    with pytest.raises(UsageError, match=r"config.yaml: cannot be read \(line 1: a tag"):
        load(folder)
    assert not made.exists()


def test_every_setting_that_is_imported_has_a_key_that_is_checked() -> None:
    sources = [path.read_text() for path in (ROOT / "src" / "prunesweep").rglob("*.py")]
    calls = r"""(?:locate|user_code_hash)\(\s*f?"([^"]+)\""""
    keys = {key for text in sources for key in re.findall(calls, text)}
    assert keys >= {"model.target", "prune.target"}
    assert {key.rpartition(".")[2] for key in keys} <= set(saved.CODE_KEYS)


def test_a_directory_without_a_completed_run_is_refused(completed: Completed, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: is not a run directory. It does not contain .hydra/"):
        completed_run(tmp_path / "empty")
    folder = completed(*UNTRAINED)
    with pytest.raises(UsageError, match="is not a run directory. It is a sweep: give one of its runs, such as .*/run"):
        completed_run(tmp_path)
    (folder / "result.json").write_text(json.dumps({"status": "failed", "error": "<script>\x1b[2J", "overrides": []}))
    with pytest.raises(UsageError, match=r"did not complete \(failed: <script>\\x1b\[2J\)"):
        completed_run(folder)
    (folder / "result.json").unlink()
    with pytest.raises(UsageError, match=r"did not complete \(unfinished: "):
        completed_run(folder)


@pytest.mark.parametrize("content", ["[1, 2]", "", "a: {"])
def test_a_broken_config_is_reported(content: str, completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    (folder / ".hydra" / "config.yaml").write_text(content)
    with pytest.raises(UsageError, match="config.yaml|model=none"):
        load(folder)


def test_damaged_and_missing_weights_are_reported(completed: Completed) -> None:
    run = completed_run(completed(*UNTRAINED))
    (run.folder / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UsageError, match="model.safetensors: cannot be read"):
        load_weights(run)
    (run.folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="model.safetensors: cannot be read"):
        load_weights(run)


def test_files_of_the_machine_are_given_or_trusted(completed: Completed, tmp_path: Path) -> None:
    run = completed_run(completed(*UNTRAINED))
    edit(run.folder, dataset={"name": "folder", "root": "/elsewhere"}, model__weights="/elsewhere/a.pt")
    with pytest.raises(UsageError, match=r"names a file of the machine, dataset.root=/elsewhere. Give it with --root"):
        load_config(run)
    with pytest.raises(UsageError, match=r"model.weights=/elsewhere/a.pt. Give it with --weights, or pass --trust"):
        load_config(run, Files(root="/here"))
    config, notes = load_config(run, Files("/here", "/here/b.pt"))
    assert (config.dataset.root, config.model.weights) == ("/here", "/here/b.pt")
    assert not any("is not used" in note for note in notes)
    config, _ = load_config(run, trust=True)
    assert (config.dataset.root, config.model.weights) == ("/elsewhere", "/elsewhere/a.pt")
    assert load_config(run, Files(root="/here"), to_run=False)[0].model.weights == "/elsewhere/a.pt", "it is not read"


def test_the_folder_of_published_data_can_be_given(completed: Completed) -> None:
    run = completed_run(completed(*UNTRAINED))
    edit(run.folder, dataset__name="mnist", dataset__root="/elsewhere")
    config, notes = load_config(run, Files(root="/here"))
    assert config.dataset.root == "/here"
    assert not any("dataset.root" in note for note in notes)
