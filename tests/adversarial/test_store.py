"""Attacks on the store, and faults of its file system and of the processes that share it."""

import errno
import json
import math
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as save_tensors
from support import Completed

from prunesweep.cli import main
from prunesweep.files import canonical, read_regular, sha256
from prunesweep.store import entries, eviction, locks
from prunesweep.store import store as store_module
from prunesweep.store.entries import MAX_RECORD, Entry, entry_path, usage
from prunesweep.store.listing import chains
from prunesweep.store.locks import file_lock
from prunesweep.store.store import Store, Verification, verify
from prunesweep.store.tally import Tally

A, B, C = ("ab" + letter * 62 for letter in "123")
TENSORS = {"weights/x": torch.zeros(1_000)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Store:
    """A store with the chain A -> B."""
    store = Store(folder)
    save(store, A, "")
    save(store, B, A)
    return store


def save(store: Store, digest: str, parent: str = "") -> None:
    store.save(digest, parent, {"step": "Init"}, TENSORS, {"steps": [{}]}, summary="init", kind="init")


def remove(folder: Path, digest: str) -> None:
    eviction.remove(folder, digest)


def forge(folder: Path, digest: str, /, **changes: object) -> None:
    """Write a record whose checksum fits, although its fields were changed."""
    fields = {**vars(Entry(digest, "", {}, {"steps": []}, None)), **changes}
    path = entry_path(folder, digest, ".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**fields, "checksum": sha256(canonical(fields))}))


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


# Processes that are stopped


HOLD = """
import sys
from pathlib import Path
from prunesweep.store.locks import locked
with locked(Path(sys.argv[1]), print):
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_a_stopped_holder_of_a_lock_is_named_and_its_step_is_computed_without_storing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "ANNOUNCE_AFTER", 0.01)
    monkeypatch.setattr(locks, "GIVE_UP_AFTER", 0.02)
    command = [sys.executable, "-c", HOLD, str(entry_path(folder, C, ".lock"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        os.kill(holder.pid, signal.SIGSTOP)
        try:
            with store.lock(C):
                save(store, C, B)
        finally:
            os.kill(holder.pid, signal.SIGKILL)
    assert store.entry(C) is None
    assert [message.partition("(")[0].strip() for message in caplog.messages] == [
        f"Waiting for a step that is being computed by process {holder.pid} on {socket.gethostname()}",
        f"The step {C[:12]} is still locked: it is computed without storing.",
    ]
    other = Store(folder)
    with other.lock(C):
        save(other, C, B)
    assert other.entry(C) is not None


def test_waiting_for_the_same_process_is_announced_once(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "ANNOUNCE_AFTER", 0.01)
    monkeypatch.setattr(locks, "GIVE_UP_AFTER", 0.02)
    with store.lock(A), store.lock(B):
        waiting = Store(folder)
        for digest in (A, B):
            with waiting.lock(digest):
                pass
    assert [message.split()[0] for message in caplog.messages] == ["Waiting", "The", "The"]


def test_a_held_tally_does_not_delay_a_run(store: Store, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with file_lock(folder / "tally.lock"):
        eviction.keep_within(store, 0, 1, 1)
    assert Tally.read(folder) == Tally()
    assert caplog.messages == []


# Results before bookkeeping


def test_a_run_ends_with_its_result_although_the_bookkeeping_fails(
    completed: Completed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[bool] = []

    def shrink(*_: object) -> int:
        results.append((tmp_path / "run" / "result.json").exists())
        return 1 // 0

    monkeypatch.setattr(eviction, "shrink", shrink)
    completed("store.max_gb=0", fresh=True)
    assert results == [True], "the result is written before the store is shrunk"
    (message,) = caplog.messages
    assert message.startswith(f"The size of the store {tmp_path / 'store'} was not checked (ZeroDivisionError: ")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"size": 1e999}', b'{"size": 1' + b"0" * 4_000 + b"}", b"[" * 4_000, b'{"runs": "9"}']
)
def test_a_broken_tally_starts_again_at_zero(content: bytes, store: Store, folder: Path) -> None:
    (folder / "tally.json").write_bytes(content)
    eviction.keep_within(store, math.inf, 3, 2)
    assert Tally.read(folder) == Tally(3, 2, store.written, 1)


def test_an_infinite_limit_is_no_limit(completed: Completed, tmp_path: Path) -> None:
    assert (completed("store.max_gb=inf") / "result.json").exists()
    assert usage(tmp_path / "store")


# Errors of the file system


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES])
@pytest.mark.parametrize("module", [entries, store_module], ids=["record", "tensors"])
def test_a_read_error_is_reported_once_and_moves_nothing(
    store: Store,
    folder: Path,
    module: Any,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(path: Path, limit: int) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(module, "read_regular", fails)
        assert store.load(A) is None
        assert store.load(B) is None
        assert len(caplog.messages) == 1
        assert os.strerror(number) in caplog.text
        assert verify(folder) == Verification(2, (), (A, B))
        assert main(["store", "--dir", str(folder), "--verify"]) == 1
    assert store.load(A) is not None
    assert store.load(B) is not None
    assert not (folder / "damaged").exists()


def test_a_file_that_needs_more_memory_than_there_is_moves_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store_module, "read_regular", lambda *_: (_ for _ in ()).throw(MemoryError))
    assert store.load(A) is None
    assert "cannot be read (MemoryError)" in caplog.text
    assert not (folder / "damaged").exists()


def test_verify_does_not_count_entries_that_are_evicted_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every third entry is evicted before its record is read, and every third before its tensors are read."""
    digests = [f"ab{number:062x}" for number in range(12)]
    for digest in digests:
        save(Store(folder), digest)

    def evicting(when: int) -> Callable[[Path, int], bytes]:
        def read(path: Path, limit: int) -> bytes:
            if int(path.stem[2:], 16) % 3 == when:
                remove(folder, path.stem)
            return read_regular(path, limit)

        return read

    monkeypatch.setattr(entries, "read_regular", evicting(0))
    monkeypatch.setattr(store_module, "read_regular", evicting(1))
    assert verify(folder) == Verification(4)
    assert caplog.messages == []


def test_an_entry_that_is_evicted_and_computed_again_meanwhile_is_sound(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def read(path: Path, limit: int) -> bytes:
        remove(folder, A)
        try:
            return read_regular(path, limit)
        finally:
            save(Store(folder), A)

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "read_regular", read)
        assert store.load(A) is None
    assert store.load(A) is not None
    assert caplog.messages == []


@pytest.mark.parametrize("hours", [-2, 2])
def test_the_clock_of_a_machine_does_not_decide_which_files_are_old(
    hours: int, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    being_written = entry_path(folder, C, ".safetensors")
    being_written.touch()
    monkeypatch.setattr("time.time", lambda now=time.time: now() + 3_600 * hours)
    eviction.shrink(folder, math.inf)
    assert being_written.exists()


# Hostile and broken files


KINDS = ["FIFO", "device", "socket", "directory", "link to itself", "far too large"]


def place(kind: str, path: Path) -> None:
    """Replace the file `path` by something else."""
    path.unlink()
    match kind:
        case "FIFO":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "socket":
            os.chdir(path.parent)  # the path of a socket has at most 107 characters
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)
        case "directory":
            path.mkdir()
        case "link to itself":
            path.symlink_to(path.name)
        case "far too large":
            with path.open("wb") as file:
                file.truncate(2**28)  # sparse


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_only_regular_files_of_the_right_size_are_read(
    suffix: str,
    kind: str,
    store: Store,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    place(kind, entry_path(folder, B, suffix))
    assert main(["store", "--dir", str(folder)]) == 0
    assert main(["store", "--dir", str(folder), "--verify"]) == 1
    (message,) = caplog.messages
    assert ("is larger than" in message) == (kind == "far too large"), "its content is not read"
    assert store.load(B) is None
    save(store, B, A)
    assert store.load(B) is not None
    assert main(["store", "--dir", str(folder), "--clear"]) == 0
    assert usage(folder) == []


def test_a_tally_or_a_list_of_digests_that_is_not_a_regular_file_is_not_read(store: Store, folder: Path) -> None:
    os.mkfifo(folder / "tally.json")
    (folder / "running").mkdir()
    os.mkfifo(folder / "running" / "x.json")
    with file_lock(folder / "running" / "x.lock"):
        assert eviction.shrink(folder, 0) > 0
    assert Tally.read(folder) == Tally()


def test_parents_in_a_circle_are_listed(folder: Path) -> None:
    forge(folder, A, parent=B, tensors="x")
    forge(folder, B, parent=A, tensors="x")
    forge(folder, C, parent=B, tensors="x")
    assert [chain.steps for chain in chains(folder)] == [3]
    assert main(["store", "--dir", str(folder)]) == 0


def test_an_entry_that_is_its_own_parent_is_not_listed(folder: Path) -> None:
    forge(folder, A, parent=A, tensors="x")
    assert chains(folder) == []


def nested(depth: int) -> bytes:
    return b'{"digest": ' + b"[" * depth + b"]" * depth + b"}"


HOSTILE = {
    "nested": nested(100_000),
    "nested, not closed": b"[" * 100_000,
    "a number of many digits": b'{"size": 1' + b"0" * 5_000 + b"}",
    "larger than the limit": b" " * MAX_RECORD + b"{}",
    "not UTF-8": b'{"digest": "\xff"}',
    "binary": bytes(range(256)),
    "not finite": b'{"size": 1e999, "checksum": "x"}',
    "a lone surrogate": b'{"digest": "\\ud800", "checksum": "x"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_one_line(name: str, store: Store, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    entry_path(folder, B, ".json").write_bytes(HOSTILE[name])
    assert main(["store", "--dir", str(folder)]) == 0
    assert main(["store", "--dir", str(folder), "--verify"]) == 1
    assert len(caplog.messages) == 1
    assert len(caplog.messages[0]) < 300
    assert store.load(B) is None
    assert verify(folder) == Verification(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": A},
        {"digest": 1},
        {"digest": None},
        {"parent": ["x"]},
        {"parent": None},
        {"step": "Init"},
        {"record": []},
        {"record": None},
        {"tensors": 5},
        {"tensors": {"x": 1}},
        {"summary": ["x"]},
        {"kind": {}},
        {"size": "1"},
        {"size": 0.5},
        {"more": 1},
    ],
)
def test_a_record_of_another_shape_is_damaged_although_its_checksum_fits(
    changes: dict[str, object], store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forge(folder, B, **changes)
    assert main(["store", "--dir", str(folder)]) == 0
    assert verify(folder) == Verification(2, (B,))
    assert len(caplog.messages) == 1
    assert store.record(B) is None


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x08" + b"\x00" * 7 + b"{}      ", nested(100_000)])
def test_tensors_that_cannot_be_parsed_are_damaged_although_their_checksum_fits(
    content: bytes, store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry_path(folder, B, ".safetensors").write_bytes(content)
    forge(folder, B, tensors=sha256(content), size=len(content))
    if store.load(B) is None:  # a file without tensors is valid
        assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [({"steps": ["x" * MAX_RECORD]}, "larger than"), ({"steps": [math.inf]}, "not finite")],
)
def test_a_record_that_could_not_be_read_is_not_stored(
    record: dict[str, Any], reason: str, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(C, B, {}, None, record)
    assert store.writable
    assert store.record(C) is None
    (message,) = caplog.messages
    assert reason in message


def test_names_in_a_file_do_not_control_the_terminal(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    content = save_tensors({"weights/x\x1b[2J" + "x" * 1_000: torch.zeros(1)})
    entry_path(folder, B, ".safetensors").write_bytes(content.replace(b"F32", b"F31"))
    forge(folder, B, tensors=sha256(content.replace(b"F32", b"F31")), summary="\x1b[2J")
    forge(folder, C, tensors="x", summary="\x1b[2J", kind="init\x1b")
    forge(folder, A, **{"\x1b[2J": 1})
    assert main(["store", "--dir", str(folder)]) == 0
    assert main(["store", "--dir", str(folder), "--verify"]) == 1
    out, err = capsys.readouterr()
    assert "\x1b[2J" not in out + err + caplog.text
    assert max(map(len, caplog.messages)) < 300


def test_other_files_in_the_folder_are_never_removed(folder: Path) -> None:
    """For example if `store.dir` is the home directory."""
    foreign = [
        "project/.gitignore",
        "ab/.env",
        "ab/notes.json",
        "ab/" + "cd" * 32 + ".json",
        "running/notes.json",
        "damaged/photo.jpg",
        ".profile",
    ]
    for name in foreign:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        os.utime(path, (1_000, 1_000))
    assert usage(folder) == []
    for option in (["--prune", "0"], ["--verify"], ["--clear"]):
        assert main(["store", "--dir", str(folder), *option]) == 0
    assert [name for name in foreign if not (folder / name).exists()] == []


def test_a_lock_that_is_a_link_does_not_change_its_target(
    store: Store, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "victim").write_text("precious")
    entry_path(folder, C, ".lock").symlink_to(tmp_path / "victim")
    with store.lock(C):
        save(store, C, B)
    assert (tmp_path / "victim").read_text() == "precious"
    assert len(caplog.messages) == 1


# Permissions


def test_the_files_of_a_run_and_of_its_store_follow_the_umask(completed: Completed, tmp_path: Path, umask: int) -> None:
    completed(fresh=True)
    files = [path for path in (tmp_path / "run", tmp_path / "store") for path in path.rglob("*") if path.is_file()]
    assert len(files) > 20
    modes = {path.suffix == ".lock": set[int]() for path in files}
    for path in files:
        modes[path.suffix == ".lock"].add(stat.S_IMODE(path.stat().st_mode))
    assert modes == {False: {0o666 & ~umask}, True: {0o664 & ~umask}}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


def test_the_permissions_of_a_folder_that_exists_are_not_changed(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o2775)
    save(Store(folder), A)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o2775


@pytest.mark.parametrize("create", [lambda store: save(store, A), lambda store: store.count_run(1, 1)])
def test_a_new_store_belongs_to_the_user_alone(create: Callable[[Store], object], folder: Path) -> None:
    create(Store(folder / "below"))
    assert stat.S_IMODE((folder / "below").stat().st_mode) == 0o700
