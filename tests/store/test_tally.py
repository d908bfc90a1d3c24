import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from prunesweep.store.locks import file_lock
from prunesweep.store.tally import Tally


def test_a_tally_is_written_and_read(tmp_path: Path) -> None:
    assert Tally.read(tmp_path) == Tally(0, 0, 0, 0)
    assert Tally.update(tmp_path, lambda tally: replace(tally, cached=3, size=10)) == Tally(3, 0, 10, 0)
    assert Tally.update(tmp_path, lambda tally: replace(tally, computed=4)) == Tally(3, 4, 10, 0)
    assert Tally.read(tmp_path) == Tally(3, 4, 10, 0)


def test_a_tally_creates_the_folder_of_its_store(tmp_path: Path) -> None:
    Tally.update(tmp_path / "store", lambda tally: replace(tally, runs=1))
    assert Tally.read(tmp_path / "store").runs == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1, 2]",
        b'{"other": 1}',
        b'{"cached": null}',
        b'{"cached": true}',
        b'{"size": 1e999}',
        b'{"size": -1}',
        b'{"size": 1' + b"0" * 400 + b"}",
        b'{"size": 1' + b"0" * 5_000 + b"}",
        b"[" * 4_000,
        b" " * 100_000 + b"{}",
    ],
)
def test_a_tally_that_cannot_be_read_starts_at_zero(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tally.json").write_bytes(content)
    assert Tally.read(tmp_path) == Tally()


def test_no_count_is_lost_when_runs_end_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each update waits for the other inside its change. With the lock, the other is not there."""
    monkeypatch.setattr("prunesweep.store.tally.BUSY_AFTER", 60)
    together = threading.Barrier(2)

    def change(tally: Tally) -> Tally:
        try:
            together.wait(timeout=0.5)
        except threading.BrokenBarrierError:
            return replace(tally, computed=tally.computed + 1)
        raise AssertionError("two updates read the same tally")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: Tally.update(tmp_path, change), range(2)))
    assert Tally.read(tmp_path).computed == 2


def test_an_update_does_not_wait_for_a_process_that_holds_the_tally(tmp_path: Path) -> None:
    with file_lock(tmp_path / "tally.lock"):
        assert Tally.update(tmp_path, lambda tally: replace(tally, runs=1)) is None
    assert Tally.update(tmp_path, lambda tally: replace(tally, runs=1)) == Tally(runs=1)
