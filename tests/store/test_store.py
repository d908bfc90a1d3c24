import errno
import itertools
from pathlib import Path

import pytest
import torch

from prunesweep.files import canonical, write_atomically
from prunesweep.store.entries import Entry
from prunesweep.store.settings import StoreSettings
from prunesweep.store.store import Store
from prunesweep.store.tally import Tally

DIGEST = "ab" + "0" * 62
TENSORS = {"weights/fc.weight": torch.arange(6.0).view(2, 3), "masks/fc.weight": torch.ones(2, 3, dtype=torch.bool)}
PARENT, STEP = "cd" + "0" * 62, {"step": "Add"}
RECORD = {"steps": [{"loss": 0.1 + 0.2, "epoch": 1}]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_what_was_saved_is_what_is_loaded(store: Store) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    loaded = store.load(DIGEST)
    assert loaded is not None
    tensors, record = loaded
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert record == RECORD
    assert list(record["steps"][0]) == ["loss", "epoch"], "the order is kept, or results would differ in their bytes"


def test_a_record_without_tensors(store: Store) -> None:
    store.save(DIGEST, PARENT, STEP, None, RECORD)
    assert store.record(DIGEST) == RECORD
    assert [path.suffix for path in store.folder.rglob("*") if path.is_file()] == [".json"]  # type: ignore[union-attr]


def test_what_is_absent_is_none(store: Store) -> None:
    assert store.record(DIGEST) is None
    assert store.load(DIGEST) is None


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "remove", "foreign"])
def test_damage_is_told_and_not_trusted(store: Store, suffix: str, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    path = store._path(DIGEST, suffix)
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
    assert [item.name for item in (store.folder / "damaged").glob(path.name)] == present  # type: ignore[operator]
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    assert store.load(DIGEST) is not None


def test_each_flipped_byte_of_a_record_is_found() -> None:
    """Bit 5 is the case of a letter: 1e-05 and 1E-05 are the same number, but not the same file."""
    content = Entry(DIGEST, PARENT, STEP, {"loss": 1e-05}, None).signed()
    assert Entry.of(content).record == {"loss": 1e-05}
    for place, flipped in itertools.product(range(len(content)), (1 << 5, 1 << 0, 0xFF)):
        with pytest.raises((ValueError, TypeError)):
            Entry.of(content[:place] + bytes([content[place] ^ flipped]) + content[place + 1 :])


def test_what_is_damaged_and_cannot_be_moved_is_told_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    store._path(DIGEST, ".json").write_bytes(b"[" * 100_000)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("read-only")))
    assert store.load(DIGEST) is None
    assert store.load(DIGEST) is None
    assert len(caplog.messages) == 1


def test_what_is_evicted_while_it_is_read_is_absent_and_not_damaged(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    entry = store.entry(DIGEST)
    monkeypatch.setattr(store, "entry", lambda _: entry)
    for suffix in (".json", ".safetensors"):
        store._path(DIGEST, suffix).unlink()
    assert store.load(DIGEST) is None
    assert caplog.messages == []


def test_a_store_that_cannot_be_written_to_is_only_read_and_says_so_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for number in range(3):
        with store.in_use([DIGEST]), store.lock(f"{number:064x}"):
            store.save(f"{number:064x}", PARENT, STEP, TENSORS, RECORD)
        store.tally(1, 1)
    assert len(caplog.messages) == 1
    assert "No space left on device): this run goes on without storing" in caplog.text
    assert store.load(DIGEST) is not None
    assert [path.name for path in store.folder.rglob(".*")] == [], "nothing half-written"  # type: ignore[union-attr]


def test_a_folder_that_cannot_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "store")
    with store.in_use([DIGEST]), store.lock(DIGEST):
        assert store.load(DIGEST) is None
        store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    assert len(caplog.messages) == 1


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    inside, most = [0], [0]

    def work(_: int) -> None:
        with Store(tmp_path).lock(DIGEST):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            inside[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
    assert most == [1]


def test_the_tally_adds_up(store: Store) -> None:
    assert store.folder is not None
    store.tally(3, 4)
    store.tally(1, 0)
    assert Tally.of(store.folder) == Tally(4, 4)


def test_the_tally_counts_the_bytes_that_runs_wrote(store: Store, tmp_path: Path) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    written = sum(path.stat().st_size for path in tmp_path.glob("??/*"))
    assert store.tally(0, 1) == Tally(0, 1, written, 1)
    assert Store(tmp_path).tally(1, 0) == Tally(1, 1, written, 1)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b'{"other": 1}', b'{"cached": null}'])
def test_a_tally_that_cannot_be_read_starts_anew(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tally.json").write_bytes(content)
    assert Tally.of(tmp_path) == Tally()


def test_an_entry_under_another_digest_is_not_trusted(store: Store) -> None:
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    other = "ab" + "1" * 62
    for suffix in (".json", ".safetensors"):
        store._path(other, suffix).write_bytes(store._path(DIGEST, suffix).read_bytes())
    assert store.load(other) is None


def test_a_store_without_a_folder_keeps_nothing(tmp_path: Path) -> None:
    store = StoreSettings(enabled=False, dir=str(tmp_path)).open()
    store.save(DIGEST, PARENT, STEP, TENSORS, RECORD)
    assert store.load(DIGEST) is None
    assert list(tmp_path.iterdir()) == []


def test_settings_say_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert StoreSettings(dir=str(tmp_path)).open().folder == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert StoreSettings().open().folder == tmp_path / "prunesweep" / "store"


def test_the_canonical_encoding_does_not_depend_on_order() -> None:
    assert canonical({"b": [1, 0.1], "a": None}) == canonical({"a": None, "b": (1, 0.1)}) == b'{"a":null,"b":[1,0.1]}'


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"before")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
