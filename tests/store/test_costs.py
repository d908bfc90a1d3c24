import json
from pathlib import Path

import pytest

from prunesweep.store import costs
from prunesweep.store.costs import Cost, Spent, add_costs, read_costs
from prunesweep.store.eviction import clear
from prunesweep.store.locks import file_lock
from prunesweep.store.store import Store, verify

A, B, C = (letter * 64 for letter in "abc")


def test_costs_are_means_over_all_runs(tmp_path: Path) -> None:
    assert read_costs(tmp_path) == {}
    add_costs(Store(tmp_path), [Spent(A, 1.0, 10), Spent(B, 5.0, 0)])
    add_costs(Store(tmp_path), [Spent(A, 3.0, 20)])
    assert read_costs(tmp_path) == {A: Cost(2, 2.0, 15.0), B: Cost(1, 5.0, 0.0)}


def test_the_first_steps_of_a_process_which_are_slow_do_not_count(tmp_path: Path) -> None:
    add_costs(
        Store(tmp_path), [Spent(A, seconds, size) for seconds, size in [(9.0, 10), (1.0, 20), (1.0, 20), (1.1, 30)]]
    )
    assert read_costs(tmp_path) == {A: Cost(4, 1.0, 20.0)}


def test_a_mean_follows_a_machine_that_becomes_slower(tmp_path: Path) -> None:
    add_costs(Store(tmp_path), [Spent(A, 1.0, 0)] * 1_000)
    add_costs(Store(tmp_path), [Spent(A, 2.0, 0)] * 200)
    assert read_costs(tmp_path)[A].seconds > 1.9


def test_the_kinds_measured_least_recently_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MAX_KINDS", 2)
    add_costs(Store(tmp_path), [Spent(A, 1.0, 0), Spent(B, 1.0, 0)])
    add_costs(Store(tmp_path), [Spent(A, 1.0, 0), Spent(C, 1.0, 0)])
    assert read_costs(tmp_path).keys() == {A, C}


SOUND = {"count": 1, "seconds": 1.0, "size": 0}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b"[" * 4_000,
        b" " * 2**21 + b"{}",
        json.dumps({"x": SOUND}).encode(),
        json.dumps({A: 1}).encode(),
        json.dumps({A: {**SOUND, "count": 0}}).encode(),
        json.dumps({A: {**SOUND, "seconds": -1}}).encode(),
        json.dumps({A: {**SOUND, "seconds": "1"}}).encode(),
        json.dumps({A: {**SOUND, "other": 1}}).encode(),
        b'{"' + A.encode() + b'": {"count": 1, "seconds": 1e999, "size": 0}}',
    ],
)
def test_a_file_that_cannot_be_read_is_ignored_and_replaced(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "costs.json").write_bytes(content)
    assert read_costs(tmp_path) == {}
    add_costs(Store(tmp_path), [Spent(A, 1.0, 10)])
    assert read_costs(tmp_path) == {A: Cost(1, 1.0, 10.0)}


def test_costs_never_stop_a_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    add_costs(Store(None), [Spent(A, 1.0, 10)])
    assert read_costs(None) == {}
    (tmp_path / "costs.json").mkdir()
    add_costs(Store(tmp_path), [Spent(A, 1.0, 10)])
    assert ["costs of this run are not stored" in message for message in caplog.messages] == [True]


def test_a_run_does_not_wait_for_another_one(tmp_path: Path) -> None:
    with file_lock(tmp_path / "tally.lock"):
        add_costs(Store(tmp_path), [Spent(A, 1.0, 10)])
    assert read_costs(tmp_path) == {}


def test_the_file_is_not_an_entry_and_is_removed_with_the_counts(tmp_path: Path) -> None:
    add_costs(Store(tmp_path), [Spent(A, 1.0, 10)])
    assert verify(tmp_path).entries == 0
    assert clear(tmp_path) == 0
    assert read_costs(tmp_path) == {}
