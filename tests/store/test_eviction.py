import math
import os
import time
from pathlib import Path

import pytest
import torch

from prunesweep.errors import UsageError
from prunesweep.store import eviction
from prunesweep.store.entries import entry_path, usage
from prunesweep.store.store import Store
from prunesweep.store.tally import Tally

KB = 1_000
A, B, C = ("ab" + letter * 62 for letter in "123")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A chain A -> B and a chain C. Each entry has about 4 kB. C was used longest ago, and B last."""
    store = Store(tmp_path)
    for age, (digest, parent) in enumerate([(B, A), (A, ""), (C, "")]):
        step = {"step": "Init", "model": {"name": "lenet5"}, "seed": 0}
        store.save(digest, parent, step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
        os.utime(entry_path(tmp_path, digest, ".json"), (1_000 - age, 1_000 - age))
    return store


def remaining(store: Store) -> set[str]:
    assert store.folder is not None
    return {entry.digest for entry in usage(store.folder)}


def total(store: Store) -> int:
    assert store.folder is not None
    return sum(entry.size for entry in usage(store.folder))


@pytest.mark.parametrize(("text", "size"), [("1GB", 10**9), ("1.5 mb", 1_500_000), ("500", 500), ("2kB", 2_000)])
def test_a_size_is_parsed(text: str, size: int) -> None:
    assert eviction.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "1XB", "-1GB", "one"])
def test_other_text_is_not_a_size(text: str) -> None:
    with pytest.raises(UsageError, match="must be a size like 500MB"):
        eviction.parse_size(text)


def test_nothing_is_evicted_within_the_limit(store: Store, tmp_path: Path) -> None:
    assert eviction.shrink(tmp_path, total(store)) == 0
    assert remaining(store) == {A, B, C}


def test_the_least_recently_used_entry_is_evicted_first(store: Store, tmp_path: Path) -> None:
    one = total(store) // 3
    assert eviction.shrink(tmp_path, total(store) - 1) >= one - 100
    assert remaining(store) == {A, B}
    assert not list(tmp_path.glob(f"*/{C}*")), "neither record, tensors nor lock"


def test_the_last_steps_of_a_chain_are_evicted_before_its_first(store: Store, tmp_path: Path) -> None:
    with store.in_use([C]):
        pass
    with store.in_use([A, B]):
        pass
    eviction.shrink(tmp_path, total(store) - 1)
    assert remaining(store) == {A, B}
    eviction.shrink(tmp_path, total(store) - 1)
    assert remaining(store) == {A}


def test_entries_in_use_are_not_evicted(store: Store, tmp_path: Path) -> None:
    with store.in_use([C]):
        assert eviction.digests_in_use(tmp_path) == {C}
        eviction.shrink(tmp_path, 0)
        assert remaining(store) == {C}
        assert eviction.clear(tmp_path) == 0
    assert list((tmp_path / "running").iterdir()) == []
    eviction.shrink(tmp_path, 0)
    assert remaining(store) == set()


def test_entries_of_a_dead_process_are_not_in_use(store: Store, tmp_path: Path) -> None:
    running = tmp_path / "running"
    running.mkdir()
    (running / "dead.json").write_text(f'["{C}"]')
    (running / "dead.lock").touch()
    assert eviction.digests_in_use(tmp_path) == set()
    assert list(running.iterdir()) == []


HEX = "0" * 32
LEFT = [f".{A}.json-{HEX}", f".{A}.owner-{HEX}", f"{'ab' + 'f' * 62}.safetensors", f"{'ab' + 'f' * 62}.owner"]


def aged(*paths: Path, seconds: float = 2 * eviction.ABANDONED_AFTER) -> None:
    for path in paths:
        path.touch()
        os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_leftovers_of_killed_processes_are_removed_once_they_are_old(store: Store, tmp_path: Path) -> None:
    running = tmp_path / "running"
    running.mkdir()
    old = [*(tmp_path / "ab" / name for name in LEFT), running / f".{HEX}.json-{HEX}"]
    young = [tmp_path / "ab" / f".{B}.json-{HEX}", tmp_path / "ab" / f"{'ab' + 'e' * 62}.safetensors"]
    aged(*old)
    aged(*young, seconds=0.5 * eviction.ABANDONED_AFTER)
    eviction.shrink(tmp_path, 10**9)
    assert [path for path in old if path.exists()] == []
    assert [path for path in young if path.exists()] == young
    assert remaining(store) == {A, B, C}


def test_files_of_a_step_that_a_run_uses_are_not_leftovers(store: Store, tmp_path: Path) -> None:
    missing = "ab" + "f" * 62
    written = [tmp_path / "ab" / name for name in (f".{missing}.safetensors-{HEX}", f"{missing}.safetensors")]
    aged(*written)
    with store.in_use([missing]):
        eviction.shrink(tmp_path, 0)
        assert [path for path in written if path.exists()] == written
    eviction.shrink(tmp_path, 0)
    assert [path for path in written if path.exists()] == []


def test_a_store_is_shrunk_when_its_tally_exceeds_the_limit(tmp_path: Path) -> None:
    for digest in (A, B, C):
        store = Store(tmp_path)
        store.save(digest, "", {"step": "Init"}, {"weights/x": torch.zeros(1_000)}, {"steps": []})
        eviction.keep_within(store, 9 * KB, 0, 1)
    assert len(remaining(store)) == 2
    assert Tally.read(tmp_path) == Tally(0, 3, total(store), 0)


def test_entries_that_no_run_counted_are_found_after_some_runs(store: Store, tmp_path: Path) -> None:
    assert Tally.read(tmp_path) == Tally()  # as if the runs that wrote the three entries had been killed
    for number in range(eviction.SCAN_EVERY):
        assert remaining(store) >= {A, B, C}
        run = Store(tmp_path)
        run.save("cd" + f"{number % 2:062}", "", {"step": "Init"}, None, {})
        eviction.keep_within(run, total(store) - 1, 0, 1)
    assert not remaining(store) >= {A, B, C}


def test_an_eviction_that_fails_does_not_end_the_run(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(A, "", {"step": "Init"}, None, {})
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError("not yours")))
    eviction.keep_within(store, 0, 0, 1)
    assert "not yours" in caplog.text


def test_an_entry_that_cannot_be_removed_does_not_protect_the_others(store: Store, tmp_path: Path) -> None:
    record = entry_path(tmp_path, C, ".json")
    record.unlink()
    record.mkdir()
    with pytest.raises(OSError, match=C):
        eviction.shrink(tmp_path, 0)
    assert remaining(store) == {C}


def test_a_store_without_a_limit_keeps_all(store: Store, tmp_path: Path) -> None:
    store.save(A, "", {"step": "Init"}, None, {})
    for _ in range(eviction.SCAN_EVERY):
        eviction.keep_within(store, math.inf, 0, 1)
    assert remaining(store) == {A, B, C}
    assert Tally.read(tmp_path).runs == 0, "the entries were scanned"


def test_any_error_of_the_eviction_is_only_logged(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(eviction, "shrink", lambda *_: 1 // 0)
    store.save(A, "", {"step": "Init"}, None, {})
    eviction.keep_within(store, 0, 0, 1)
    assert "was not checked (ZeroDivisionError" in caplog.text


def test_clear_removes_all_but_the_lock_of_the_tally(store: Store, tmp_path: Path) -> None:
    store.count_run(1, 2)
    store.set_aside(C, "for the test")
    assert eviction.clear(tmp_path) > 8 * KB
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["tally.lock"]
