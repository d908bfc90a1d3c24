import os
import time
from pathlib import Path

import pytest
import torch

from prunesweep.errors import UsageError
from prunesweep.store import eviction
from prunesweep.store.store import Store
from prunesweep.store.tally import Tally

KB = 1_000
A, B, C = ("ab" + letter * 62 for letter in "123")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A chain A -> B and a chain C, each entry about 4 kB, C used longest ago."""
    store = Store(tmp_path)
    for age, (digest, parent) in enumerate([(B, A), (A, ""), (C, "")]):
        step = {"step": "Init", "model": {"name": "lenet5"}, "seed": 0}
        store.save(digest, parent, step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
        os.utime(store._path(digest, ".json"), (1_000 - age, 1_000 - age))
    return store


def left(store: Store) -> set[str]:
    assert store.folder is not None
    return {entry.digest for entry in eviction.usage(store.folder)}


def total(store: Store) -> int:
    assert store.folder is not None
    return sum(entry.size for entry in eviction.usage(store.folder))


@pytest.mark.parametrize(("text", "size"), [("1GB", 10**9), ("1.5 mb", 1_500_000), ("500", 500), ("2kB", 2_000)])
def test_sizes(text: str, size: int) -> None:
    assert eviction.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "1XB", "-1GB", "one"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="must be a size like 500MB"):
        eviction.parse_size(text)


def test_nothing_goes_while_there_is_room(store: Store, tmp_path: Path) -> None:
    assert eviction.shrink(tmp_path, total(store)) == 0
    assert left(store) == {A, B, C}


def test_what_was_used_longest_ago_goes_first(store: Store, tmp_path: Path) -> None:
    one = total(store) // 3
    assert eviction.shrink(tmp_path, total(store) - 1) >= one - 100
    assert left(store) == {A, B}
    assert not list(tmp_path.glob(f"*/{C}*")), "neither record, tensors nor lock"


def test_use_makes_a_chain_young_and_its_beginning_the_youngest(store: Store, tmp_path: Path) -> None:
    with store.in_use([C]):
        pass
    with store.in_use([A, B]):
        pass
    eviction.shrink(tmp_path, total(store) - 1)
    assert left(store) == {A, B}
    eviction.shrink(tmp_path, total(store) - 1)
    assert left(store) == {A}


def test_what_a_run_is_using_stays(store: Store, tmp_path: Path) -> None:
    with store.in_use([C]):
        assert eviction.protected(tmp_path) == {C}
        eviction.shrink(tmp_path, 0)
        assert left(store) == {C}
        assert eviction.clear(tmp_path) == 0
    assert list((tmp_path / "running").iterdir()) == []
    eviction.shrink(tmp_path, 0)
    assert left(store) == set()


def test_what_a_dead_process_was_using_goes(store: Store, tmp_path: Path) -> None:
    running = tmp_path / "running"
    running.mkdir()
    (running / "dead.json").write_text(f'["{C}"]')
    (running / "dead.lock").touch()
    assert eviction.protected(tmp_path) == set()
    assert list(running.iterdir()) == []


def test_what_killed_processes_left_is_swept_up_once_it_is_old(store: Store, tmp_path: Path) -> None:
    temporary, orphan, young = (tmp_path / "ab" / name for name in (".x.json-1", "abff.safetensors", ".y.json-2"))
    for path in (temporary, orphan, young):
        path.touch()
    old = time.time() - 2 * eviction.ABANDONED
    for path in (temporary, orphan):
        os.utime(path, (old, old))
    eviction.shrink(tmp_path, 10**9)
    assert (temporary.exists(), orphan.exists(), young.exists()) == (False, False, True)
    assert left(store) == {A, B, C}


def test_a_store_over_its_limit_is_looked_through_when_the_count_says_so(tmp_path: Path) -> None:
    for digest in (A, B, C):
        store = Store(tmp_path)
        store.save(digest, "", {"step": "Init"}, {"weights/x": torch.zeros(1_000)}, {"steps": []})
        eviction.keep_within(store, 9 * KB, 0, 1)
    assert len(left(store)) == 2
    assert Tally.of(tmp_path) == Tally(0, 3, total(store), 0)


def test_what_no_run_counted_is_found_after_some_time(store: Store, tmp_path: Path) -> None:
    assert Tally.of(tmp_path) == Tally()  # as if the runs that wrote the three had been killed
    for number in range(eviction.MEASURE_EVERY):
        assert left(store) >= {A, B, C}
        run = Store(tmp_path)
        run.save("cd" + f"{number % 2:062}", "", {"step": "Init"}, None, {})
        eviction.keep_within(run, total(store) - 1, 0, 1)
    assert not left(store) >= {A, B, C}


def test_an_eviction_that_fails_does_not_end_the_run(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(A, "", {"step": "Init"}, None, {})
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError("not yours")))
    eviction.keep_within(store, 0, 0, 1)
    assert "not yours" in caplog.text


def test_verify_finds_each_flipped_byte(store: Store, tmp_path: Path) -> None:
    assert eviction.verify(tmp_path) == (3, [])
    path = store._path(A, ".safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert eviction.verify(tmp_path) == (3, [A])
    assert {item.name for item in (tmp_path / "damaged").iterdir()} == {f"{A}.json", f"{A}.safetensors"}
    assert eviction.verify(tmp_path) == (2, [])


def test_chains_are_told_by_their_ends(store: Store, tmp_path: Path) -> None:
    long, short = eviction.chains(tmp_path)
    assert (long.steps, short.steps) == (2, 1)
    assert long.size == pytest.approx(2 * short.size, rel=0.05)
    store.save("cd" + "0" * 62, B, {"step": "Evaluate"}, None, {"test_accuracy": 1.0})
    assert len(eviction.chains(tmp_path)) == 2, "a score is no step"


def test_a_chain_tells_its_last_pruning(tmp_path: Path) -> None:
    store, parent = Store(tmp_path), ""
    for number, amount in enumerate((None, 0.5, 0.9, None)):
        step = {"step": "Prune", "pruning": {"amount": amount}} if amount else {"step": "TrainEpoch"}
        store.save(digest := f"{number:064}", parent, step, {"weights/x": torch.zeros(1)}, {"steps": []})
        parent = digest
    (chain,) = eviction.chains(tmp_path)
    assert chain.pruning == {"amount": 0.9}


def test_clear_leaves_nothing_but_locks(store: Store, tmp_path: Path) -> None:
    store.tally(1, 2)
    store.set_aside(C, "for the test")
    assert eviction.clear(tmp_path) > 8 * KB
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["tally.lock"]
