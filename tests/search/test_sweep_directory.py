import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import fake_fields, fake_run
from hydra.core.override_parser.overrides_parser import OverridesParser
from searches import GRID, content, with_definition

from prunesweep.results.run_directory import read_run
from prunesweep.search.sweep_directory import (
    RECORD,
    Refused,
    arguments_of_this_process,
    claim,
    claimed,
    directory_override,
)
from prunesweep.store import locks


def test_other_settings_are_refused_with_the_differences_and_both_ways_out(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    claim(folder, GRID)
    before = content(folder)
    with pytest.raises(Refused) as refused:
        claim(folder, with_definition(space={"prune.amount": "0.5", "seed": "0,1"}, settings={}))
    first, amount, seed, _, command, another = str(refused.value).splitlines()
    assert first == f"{folder}: contains another sweep. These settings differ:"
    assert amount == "  prune.amount: 0.5,0.9 -> 0.5"
    assert seed == "  seed: 0 -> 0,1"
    assert command.endswith(f"-m prune.amount=0.5,0.9 hydra.sweep.dir={folder}")
    assert another == f"To start a new sweep, choose another directory, such as hydra.sweep.dir={folder}-2"
    assert content(folder) == before


def test_the_command_that_continues_is_that_of_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(tmp_path / "mine", GRID)
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/prunesweep", "-m", "seed=0,1"])
    with pytest.raises(Refused, match="\n  prunesweep run -m prune.amount=0.5,0.9 hydra.sweep.dir=.*/mine\n"):
        claim(tmp_path / "mine", with_definition(space={"seed": "0,1"}, settings={}))


def test_the_same_settings_continue_the_sweep(tmp_path: Path) -> None:
    for _ in range(2):
        with claimed(tmp_path, replace(GRID, arguments=("-m", "prune.amount=choice(0.5,0.9)"))):
            pass
    claim(tmp_path, GRID)


def test_the_same_sweep_cannot_run_twice_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "ANNOUNCE_AFTER", 0)
    with (
        claimed(tmp_path, GRID),
        pytest.raises(Refused, match=rf"already running there, in process {os.getpid()} on .* Wait until it ends"),
        claimed(tmp_path, GRID),
    ):
        pass
    with claimed(tmp_path, GRID):
        pass


def test_results_with_other_numerics_are_removed_because_their_runs_are_repeated(tmp_path: Path) -> None:
    claim(tmp_path, GRID)
    for name in ("0", "1"):
        fake_run(tmp_path / name, fake_fields(0.5, 0))
    claim(tmp_path, GRID)
    assert read_run(tmp_path / "0").completed
    claim(tmp_path, replace(GRID, numerics={"threads": "2"}))
    assert [read_run(tmp_path / name).status for name in ("0", "1")] == ["unfinished"] * 2
    assert json.loads((tmp_path / RECORD).read_text())["numerics"] == {"threads": "2"}


def test_a_password_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "search.storage=postgresql+psycopg://me:se:cr@t@host/db"
    monkeypatch.setattr(sys, "argv", ["run.py", "-m", url, "a://b:c"])
    assert arguments_of_this_process() == ("-m", "search.storage=postgresql+psycopg://me:***@host/db", "a://b:c")


@pytest.mark.parametrize(
    "name", ["plain/2026-01-01", "a b", "a,b", "it's", "a=b", "ä", "[1]", "{a}", "x\\", "x\\'y", "'", "a\\b", "(x)"]
)
def test_every_directory_name_is_a_valid_override(name: str) -> None:
    override = OverridesParser.create().parse_override(directory_override(Path(name)))
    assert str(override.value()) == name
