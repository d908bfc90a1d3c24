from pathlib import Path

import pytest

from prunesweep.conf import conf_folder, options, settings


def test_the_settings_files_are_found() -> None:
    assert (conf_folder() / "config.yaml").exists()


def test_the_options_of_a_group_are_its_files_and_those_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "conf" / "optimizer"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("name: sgd\n")
    (folder / "sgd.yaml").write_text("name: sgd\n")
    monkeypatch.chdir(tmp_path)
    assert options("optimizer") == ["adam", "adamw", "own", "sgd"]
    assert options("seed") == []


def test_settings_are_those_of_the_files_of_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "conf" / "optimizer"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("defaults:\n  - sgd\ndepth: 3\n")
    (folder / "global.yaml").write_text("# @package _global_\nwidth: 3\n")
    (folder / "broken.yaml").write_text("{")
    monkeypatch.chdir(tmp_path)
    found = settings("optimizer")
    assert (found["depth"], found["momentum"], found["betas"]) == (["own"], ["sgd"], ["adam", "adamw"])
    assert {"defaults", "width"}.isdisjoint(found)
    assert settings("seed") == {}
