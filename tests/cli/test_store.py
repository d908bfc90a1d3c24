from pathlib import Path

import pytest
import torch

from prunesweep.cli import main
from prunesweep.store.entries import entry_path
from prunesweep.store.store import Store


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
