"""Sweeps that share a directory, searches whose database was lost, damaged or edited, and interrupts."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import fake_fields, fake_run
from searches import GRID, content, launcher, run_search, search_spec, short, with_definition, write_run

from prunesweep.errors import UsageError
from prunesweep.results.objectives import SearchSettings
from prunesweep.results.run_directory import read_run
from prunesweep.search.evaluation import TrialRun
from prunesweep.search.loop import SearchSpec
from prunesweep.search.sweep_directory import (
    RECORD,
    Refused,
    claim,
)
from prunesweep.store import locks


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "ANNOUNCE_AFTER", 0)


# A sweep directory belongs to one sweep.


def test_a_process_that_was_killed_before_its_first_run_leaves_a_usable_directory(tmp_path: Path) -> None:
    (tmp_path / ".sweep.lock").touch()
    (tmp_path / "multirun.yaml").write_text("seed: 0")
    claim(tmp_path, GRID)


def test_runs_without_a_record_are_refused(tmp_path: Path) -> None:
    fake_run(tmp_path / "deep" / "0", fake_fields(0.5, 0))
    with pytest.raises(Refused, match=r"contains runs, such as .*deep/0, but not .sweep.json"):
        claim(tmp_path, GRID)


def test_a_sweep_inside_another_one_is_refused(tmp_path: Path) -> None:
    claim(tmp_path, GRID)
    with pytest.raises(Refused, match=r"is inside the directory of another sweep"):
        claim(tmp_path / "0" / "inner", GRID)
    assert not (tmp_path / "0").exists()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def text(value: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(value) and None


RECORDS: dict[str, Callable[[Path], Any]] = {
    "empty": text(""),
    "no JSON": text("{"),
    "a list": text("[]"),
    "other keys": text('{"definition": {}}'),
    "a number as definition": text('{"definition": 1, "numerics": {}, "arguments": []}'),
    "numbers as settings": text('{"definition": {"space": {"a": 1}}, "numerics": {}, "arguments": []}'),
    "arguments that are no texts": text('{"definition": {}, "numerics": {}, "arguments": [1]}'),
    "nested deeply": text("[" * 100_000),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe"),
    "a FIFO": fifo,
    "a directory": Path.mkdir,
    "a link": lambda path: path.symlink_to("/etc/hostname"),
    "gigabytes": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**33),
}


@pytest.mark.parametrize("make", RECORDS.values(), ids=RECORDS)
def test_a_damaged_record_is_refused(make: Callable[[Path], Any], tmp_path: Path) -> None:
    make(tmp_path / RECORD)
    with pytest.raises(Refused, match=r"\.sweep\.json: cannot be read \(.*To start a new sweep, choose another"):
        claim(tmp_path, GRID)


def test_a_record_cannot_control_the_terminal(tmp_path: Path) -> None:
    foreign = replace(with_definition(space={"a\x1b[2J": "x\ny"}), arguments=("a\x1b[2Jb; rm -rf /", "\n"))
    claim(tmp_path, foreign)
    with pytest.raises(Refused) as refused:
        claim(tmp_path, GRID)
    message = str(refused.value)
    assert "\x1b" not in message
    assert r"  a\x1b[2J: x\ny -> absent" in message
    assert r"'a\x1b[2Jb; rm -rf /'" in message


def test_long_differences_are_shortened(tmp_path: Path) -> None:
    claim(tmp_path, with_definition(space={f"key{number}": "1" * 1_000 for number in range(100)}))
    with pytest.raises(Refused) as refused:
        claim(tmp_path, GRID)
    assert "and 81 others" in str(refused.value)
    assert max(map(len, str(refused.value).splitlines()[:20])) < 210


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("/proc/nothing")], ids=["file", "proc"])
def test_a_directory_that_cannot_be_used_is_one_message(make: Callable[[Path], Any], tmp_path: Path) -> None:
    make(tmp_path / "file")
    for folder in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(Refused, match=r"^hydra.sweep.dir=.*file.*: cannot be used \("):
            claim(folder, GRID)


# Searches and grids in one directory.


@pytest.fixture
def spec(tmp_path: Path) -> SearchSpec:
    return search_spec(tmp_path / "mine")


def test_a_grid_in_the_directory_of_a_search_is_refused_and_the_reverse(spec: SearchSpec, tmp_path: Path) -> None:
    run_search(spec)
    with pytest.raises(Refused, match=r"\n  sweeper: search -> grid\n"):
        claim(spec.folder, GRID)
    claim(tmp_path / "grid", GRID)
    before = content(tmp_path / "grid")
    with pytest.raises(Refused, match=r"\n  sweeper: grid -> search\n"):
        run_search(replace(spec, folder=tmp_path / "grid"))
    assert content(tmp_path / "grid") == before


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"name": "other"}, "study: mine -> other"),
        ({"settings": SearchSettings(storage="sqlite:////nowhere/s.db")}, "search.storage:  -> sqlite:////nowhere"),
    ],
)
def test_another_study_in_the_same_directory_is_refused(changes: dict[str, Any], line: str, spec: SearchSpec) -> None:
    run_search(spec)
    before = content(spec.folder)
    with pytest.raises(Refused, match=line):
        run_search(replace(spec, **changes))
    assert content(spec.folder) == before


def test_a_refused_search_does_not_claim_its_directory(spec: SearchSpec, tmp_path: Path) -> None:
    storage = SearchSettings(storage=f"sqlite:///{tmp_path}/shared.db")
    run_search(replace(spec, settings=storage))
    other = search_spec(tmp_path / "two", short(seed=1), settings=storage)
    with pytest.raises(Refused, match=r"study=mine: exists with another definition"):
        run_search(other)
    claim(tmp_path / "two", GRID)


def test_processes_of_one_search_use_its_directory_at_the_same_time(spec: SearchSpec) -> None:
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(run_search, spec) for _ in range(2)]
        rows = [each.result() for each in both]
    assert rows[0] == rows[1]
    assert [row["status"] for row in rows[0]].count("completed") == 4


# The database of a search was lost: its directories contain runs with other settings.


def die(spec: SearchSpec, leave: Callable[[TrialRun], None]) -> TrialRun:
    """Run a search that dies during its first trial. Return the run of this trial."""
    started: list[TrialRun] = []

    def launch(runs: Any, first: int) -> None:
        started.extend(runs)
        leave(runs[0])
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        run_search(spec, launch, batch=1)
    return started[0]


def is_consistent(spec: SearchSpec, rows: list[dict[str, str]]) -> bool:
    """Whether each completed trial has the result of its own settings."""
    done = [row for row in rows if row["status"] == "completed"]
    results = [read_run(spec.folder / row["directory"]).result for row in done]
    amounts = [(float(row["prune.amount"]), float(row["param_reduction"])) for row in done]
    return bool(done) and all(
        amount == value == result["amount"] for (amount, value), result in zip(amounts, results, strict=True)
    )


def lose(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [lose, empty])
def test_a_lost_database_is_reported_and_old_directories_are_not_trusted(
    damage: Callable[[Path], None], spec: SearchSpec, caplog: pytest.LogCaptureFixture
) -> None:
    run_search(spec)
    assert "of an earlier search" not in caplog.text
    (spec.folder / "0" / "notes.txt").write_text("mine")
    damage(spec.folder / "study.db")
    seeds = replace(spec, total=3, seed=spec.seed)
    rows = run_search(seeds)
    assert "starting a new search; 4 trial directories of an earlier search are there" in caplog.text
    assert is_consistent(spec, rows)
    assert (spec.folder / "0" / "notes.txt").exists()


@pytest.mark.parametrize(
    "leave",
    [
        lambda run: replace(run, overrides=("schedule=lottery", "prune.amount=0.9")),
        lambda run: replace(run, seed=7),
    ],
    ids=["other parameters", "another seed"],
)
def test_a_dead_process_left_the_result_of_another_trial(
    leave: Callable[[TrialRun], TrialRun], spec: SearchSpec
) -> None:
    lost = die(spec, lambda run: write_run(spec.folder, leave(run)))
    rows = run_search(spec)
    assert rows[0]["status"] == "taken back"
    assert not (spec.folder / lost.directory / "result.json").exists()
    assert is_consistent(spec, rows)


def test_a_dead_process_left_a_result_with_other_saved_settings(spec: SearchSpec) -> None:
    def leave(run: TrialRun) -> None:
        write_run(spec.folder, run)
        config = spec.folder / run.directory / ".hydra" / "config.yaml"
        config.write_text(config.read_text() + "model: {name: another}\n")

    die(spec, leave)
    assert run_search(spec)[0]["status"] == "taken back"


def test_the_result_that_a_dead_process_left_is_used(spec: SearchSpec) -> None:
    lost = die(spec, lambda run: write_run(spec.folder, run))
    before = (spec.folder / lost.directory / "result.json").stat().st_mtime_ns
    rows = run_search(spec)
    assert rows[0]["status"] == "completed"
    assert (spec.folder / lost.directory / "result.json").stat().st_mtime_ns == before
    assert is_consistent(spec, rows)


def test_a_process_that_dies_while_it_records_a_failure_counts_it_once(spec: SearchSpec) -> None:
    die(spec, lambda run: None)
    change(spec, "insert into trial_user_attributes (trial_id, key, value_json) values (1, 'failed', '\"diverged\"')")
    rows = run_search(spec)
    assert rows[0]["status"] == "taken back"
    assert [row["status"] for row in rows].count("completed") == 4


# The database of a search was damaged or edited.


def change(spec: SearchSpec, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(spec.folder / "study.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("statement", ["delete from trials", "update trials set number=7"])
def test_a_trial_that_disappears_during_the_search_is_named(statement: str, spec: SearchSpec) -> None:
    write = launcher(spec.folder)

    def launch(runs: Sequence[TrialRun], first: int) -> None:
        write(runs, first)
        change(spec, statement)

    with pytest.raises(UsageError, match=r"study\.db: trial \d (is missing|cannot be ended).*changed or damaged"):
        run_search(spec, launch)


TRIAL = {
    "an attribute that is not JSON": "update trial_user_attributes set value_json='{' where trial_id=2",
    "no outcome": "delete from trial_user_attributes where trial_id=2 and key='outcome'",
    "an outcome that is a text": "update trial_user_attributes set value_json='\"x\"' where trial_id=2",
    "an outcome without runs": "update trial_user_attributes set value_json='{}' where trial_id=2 and key='outcome'",
    "an owner that is a number": "update trial_user_attributes set value_json='1' where trial_id=2 and key='owner'",
    "a distribution that is not JSON": "update trial_params set distribution_json='{' where trial_id=2",
    "a distribution of another kind": (
        'update trial_params set distribution_json=\'{"name": "X", "attributes": {}}\' where trial_id=2'
    ),
    "an unknown option": "update trial_params set param_value=99 where trial_id=2 and param_name='schedule'",
    "no parameters": "delete from trial_params where trial_id=2",
    "an unknown state": "update trials set state='DONE' where trial_id=2",
    "another state": "update trials set state='FAIL' where trial_id=2",
    "a queued trial without values": "update trials set state='WAITING' where trial_id=2",
    "no number": "update trials set number=null where trial_id=2",
    "another number": "update trials set number=77 where trial_id=2",
    "no row": "delete from trials where trial_id=2",
    "no values": "delete from trial_values where trial_id=2",
    "a value that is null": "update trial_values set value=null where trial_id=2",
    "a value that is a text": "update trial_values set value='x' where trial_id=2",
    "an infinite value": "update trial_values set value_type='INF_POS' where trial_id=2",
    "too few values": "delete from trial_values where trial_id=2 and objective=1",
    "a date that is a text": "update trials set datetime_start='x' where trial_id=2",
}
STUDY = {
    "a definition that is not JSON": "update study_user_attributes set value_json='{'",
    "a definition that is a text": "update study_user_attributes set value_json='\"x\"'",
    "a definition of texts": 'update study_user_attributes set value_json=\'{"space": "x"}\'',
    "no definition": "delete from study_user_attributes",
    "one direction": "delete from study_directions where objective=1",
    "another direction": "update study_directions set direction='MINIMIZE'",
    "an unknown direction": "update study_directions set direction='X'",
    "no table of studies": "drop table studies",
    "another version": "update alembic_version set version_num='x'",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a search with four completed trials, numbered from 0."""
    folder = tmp_path_factory.mktemp("search") / "mine"
    run_search(search_spec(folder), batch=4)
    return folder


@pytest.fixture
def searched(original: Path, spec: SearchSpec) -> SearchSpec:
    """A copy of the search."""
    shutil.copytree(original, spec.folder)
    return spec


@pytest.mark.parametrize("statement", TRIAL.values(), ids=TRIAL)
def test_an_edited_trial_is_named(statement: str, searched: SearchSpec) -> None:
    change(searched, statement)
    with pytest.raises(Refused, match=r"^[^\n]*study\.db: trial 1 .*changed or damaged") as refused:
        run_search(searched)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("statement", STUDY.values(), ids=STUDY)
def test_an_edited_study_is_named(statement: str, searched: SearchSpec) -> None:
    change(searched, statement)
    with pytest.raises(Refused, match=r"study\.db: study mine .*changed or damaged"):
        run_search(searched)


def cut(share: float) -> Callable[[Path], Any]:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def zeros(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:12_288] + bytes(12_288) + data[24_576:])


def half_an_index(path: Path) -> None:
    """Let an index lose entries of its table."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("CREATE INDEX numbers ON trials (number)")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX numbers ON trials (state)' WHERE name = 'numbers'"
        )


FILES: dict[str, Callable[[Path], Any]] = {
    "a text": text("hello"),
    "a long text": text("hello" * 10_000),
    "its beginning": cut(0.01),
    "its first half": cut(0.5),
    "without the end": cut(0.9),
    "zeros in the middle": zeros,
    "an index of another column": half_an_index,
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("damage", FILES.values(), ids=FILES)
def test_a_damaged_file_is_named(damage: Callable[[Path], Any], searched: SearchSpec) -> None:
    damage(searched.folder / "study.db")
    with pytest.raises(Refused, match=r"study\.db: .*(The database was changed or damaged|is not a file)") as refused:
        run_search(searched)
    assert len(str(refused.value).splitlines()) == 1


def test_the_damaged_database_of_a_server_is_named_without_its_password(searched: SearchSpec) -> None:
    from prunesweep.search.storage import address, damaged

    url = address("postgresql+psycopg://me:secret@host/db", searched.folder)
    message = str(damaged(url, "trial 3 is missing"))
    assert message.startswith("search.storage=postgresql+psycopg://me:***@host/db: trial 3 is missing")
