import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from prunesweep.files import write_atomically
from prunesweep.store.entries import Entry, entry_path
from prunesweep.store.settings import StoreSettings
from prunesweep.store.store import Store, Verification, open_store, verify
from prunesweep.store.tally import Tally

DIGEST = "ab" + "0" * 62
TENSORS = {"weights/fc.weight": torch.arange(6.0).view(2, 3), "masks/fc.weight": torch.ones(2, 3, dtype=torch.bool)}
PARENT, STEP = "cd" + "0" * 62, {"step": "Add"}
RECORD = {"steps": [{"loss": 0.1 + 0.2, "epoch": 1}]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_saved_entry_is_loaded(store: Store) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    loaded = store.load(DIGEST)
    assert loaded is not None
    tensors, record = loaded
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert record == RECORD
    assert list(record["steps"][0]) == ["loss", "epoch"], "results depend on the order"


def test_an_entry_keeps_its_summary_and_kind(store: Store) -> None:
    store.save(DIGEST, PARENT, STEP, None, RECORD, summary="epoch 1", kind="train")
    assert store.entry(DIGEST) == Entry(DIGEST, PARENT, STEP, RECORD, None, "epoch 1", "train")


def test_an_observation_has_no_tensors(store: Store, tmp_path: Path) -> None:
    store.save(DIGEST, PARENT, STEP, None, RECORD)
    assert store.record(DIGEST) == RECORD
    assert files(tmp_path) == [f"{DIGEST}.json"]


def test_a_missing_entry_is_none(store: Store) -> None:
    assert store.record(DIGEST) is None
    assert store.load(DIGEST) is None


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "remove", "foreign"])
def test_a_damaged_entry_is_reported_and_not_used(
    store: Store, tmp_path: Path, suffix: str, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    path = entry_path(tmp_path, DIGEST, suffix)
    content = bytearray(path.read_bytes())
    match harm:
        case "flip":
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        case "truncate":
            path.write_bytes(content[:-10])
        case "empty":
            path.write_bytes(b"")
        case "remove":
            path.unlink()
        case "foreign":
            path.write_bytes(b"[1, 2]" if suffix == ".json" else b"not tensors")
    assert store.load(DIGEST) is None
    assert len(caplog.messages) == (0 if harm == "remove" and suffix == ".json" else 1)
    present = [] if harm == "remove" else [path.name]
    assert [item.name for item in (tmp_path / "damaged").glob(path.name)] == present
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    assert store.load(DIGEST) is not None


def test_a_damaged_entry_that_cannot_be_moved_is_reported_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    entry_path(tmp_path, DIGEST, ".json").write_bytes(b"[" * 100_000)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("read-only")))
    assert store.load(DIGEST) is None
    assert store.load(DIGEST) is None
    assert len(caplog.messages) == 1


def test_an_entry_under_another_digest_is_not_used(store: Store, tmp_path: Path) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    other = "ab" + "1" * 62
    for suffix in (".json", ".safetensors"):
        entry_path(tmp_path, other, suffix).write_bytes(entry_path(tmp_path, DIGEST, suffix).read_bytes())
    assert store.load(other) is None


def test_an_entry_that_is_evicted_while_it_is_read_is_missing_and_not_damaged(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    entry = store.entry(DIGEST)
    monkeypatch.setattr(store, "entry", lambda _: entry)
    for suffix in (".json", ".safetensors"):
        entry_path(tmp_path, DIGEST, suffix).unlink()
    assert store.load(DIGEST) is None
    assert caplog.messages == []


def test_verify_finds_and_sets_aside_damaged_entries(store: Store, tmp_path: Path) -> None:
    score = "ef" + "0" * 62
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    store.save(score, DIGEST, STEP, None, RECORD)
    assert verify(tmp_path) == Verification(2)
    tensors = entry_path(tmp_path, DIGEST, ".safetensors")
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    assert verify(tmp_path) == Verification(2, (DIGEST,))
    assert files(tmp_path / "damaged") == [f"{DIGEST}.json", f"{DIGEST}.safetensors"]
    entry_path(tmp_path, score, ".json").write_bytes(b"")
    assert verify(tmp_path) == Verification(1, (score,))
    assert verify(tmp_path) == Verification(0)


def test_a_store_on_a_full_disk_is_only_read_with_one_warning(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for number in range(3):
        with store.in_use([DIGEST]), store.lock(f"{number:064x}"):
            store.save(f"{number:064x}", PARENT, STEP, TENSORS, RECORD)
        assert store.count_run(1, 1) is None
    assert len(caplog.messages) == 1
    assert "No space left on device): this run goes on without storing" in caplog.text
    assert store.load(DIGEST) is not None
    assert [path.name for path in tmp_path.rglob(".*")] == [], "no temporary files remain"


def test_a_folder_that_cannot_be_created_gives_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "store")
    with store.in_use([DIGEST]), store.lock(DIGEST):
        assert store.load(DIGEST) is None
        store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    assert len(caplog.messages) == 1


def test_a_disabled_store_keeps_nothing(tmp_path: Path) -> None:
    store = open_store(StoreSettings(enabled=False, dir=str(tmp_path)))
    with store.in_use([DIGEST]), store.lock(DIGEST):
        store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    assert store.load(DIGEST) is None
    assert store.count_run(0, 1) is None
    assert list(tmp_path.iterdir()) == []


def test_an_enabled_store_opens_the_folder_of_its_settings(tmp_path: Path) -> None:
    assert open_store(StoreSettings(dir=str(tmp_path))).folder == tmp_path


def in_thread(function: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_a_lock_has_one_holder_at_a_time(store: Store, tmp_path: Path) -> None:
    arriving, inside = threading.Event(), threading.Event()

    def compute() -> None:
        arriving.set()
        with Store(tmp_path).lock(DIGEST):
            inside.set()

    with store.lock(DIGEST):
        other = in_thread(compute)
        assert arriving.wait(60)
        assert not inside.wait(0.3), "the other holds the lock, too"
    assert inside.wait(60)
    other.join(60)


def test_locks_of_different_steps_do_not_exclude_each_other(store: Store, tmp_path: Path) -> None:
    with store.lock(DIGEST), Store(tmp_path).lock(PARENT):
        pass


HOLD = """
import sys
from pathlib import Path
from prunesweep.store.store import Store
with Store(Path(sys.argv[1])).lock(sys.argv[2]):
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_across_processes_and_released_when_its_holder_is_killed(store: Store, tmp_path: Path) -> None:
    inside = threading.Event()

    def compute() -> None:
        with store.lock(DIGEST):
            inside.set()

    command = [sys.executable, "-c", HOLD, str(tmp_path), DIGEST]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        waiting = in_thread(compute)
        assert not inside.wait(0.3), "two processes hold the lock"
        os.kill(holder.pid, signal.SIGKILL)
        assert inside.wait(60)
        waiting.join(60)


def test_writers_of_the_same_entry_never_leave_a_partial_one(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Runs on stores without locks, or after an eviction, can write an entry twice. Only its times differ."""
    writers, rounds = 3, 25
    start, done = threading.Barrier(writers + 1), threading.Event()

    def write(number: int) -> None:
        start.wait(60)
        for seconds in range(rounds):
            Store(tmp_path).save(DIGEST, PARENT, STEP, TENSORS, {"writer": number, "seconds": seconds})

    def read() -> int:
        loaded, reader = 0, Store(tmp_path)
        start.wait(60)
        while not done.is_set():
            loaded += reader.load(DIGEST) is not None
        return loaded

    with ThreadPoolExecutor(writers + 1) as pool:
        reading = pool.submit(read)
        for writing in [pool.submit(write, number) for number in range(writers)]:
            writing.result()
        done.set()
        assert reading.result() > 0
    assert caplog.messages == [], "a reader saw a damaged entry"
    assert files(tmp_path) == [f"{DIGEST}.json", f"{DIGEST}.safetensors"]
    assert store.load(DIGEST) is not None


def test_a_process_that_is_killed_between_the_two_writes_leaves_no_entry(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def killed(path: Path, content: bytes) -> None:
        write_atomically(path, content)
        raise KeyboardInterrupt

    monkeypatch.setattr("prunesweep.store.store.write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    assert len(files(tmp_path)) == 1
    assert store.load(DIGEST) is None
    assert verify(tmp_path) == Verification(0)
    assert caplog.messages == []


def test_the_tally_adds_up_runs_and_the_bytes_that_they_wrote(store: Store, tmp_path: Path) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    written = sum(path.stat().st_size for path in tmp_path.glob("??/*"))
    assert store.count_run(0, 1) == Tally(0, 1, written, 1)
    assert Store(tmp_path).count_run(3, 0) == Tally(3, 1, written, 1), "a run that wrote nothing"
    assert Tally.read(tmp_path) == Tally(3, 1, written, 1)


def test_a_store_holds_what_was_saved(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.holds("ab" + "0" * 62)
    store.save("ab" + "0" * 62, "", {}, None, {})
    assert store.holds("ab" + "0" * 62)
    assert not Store(None).holds("ab" + "0" * 62)
