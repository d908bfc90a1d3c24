from pathlib import Path

import pytest

from prunesweep.conf import conf_folder, options


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
