import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from prunesweep.store import locks
from prunesweep.store.locks import Owner, file_lock, is_locked, locked


def refuse(owner: Owner | None) -> None:
    raise AssertionError(f"waited for {owner}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "step.lock"


def test_the_holder_of_a_lock_is_recorded_while_it_holds_the_lock(path: Path) -> None:
    with locked(path, refuse) as acquired:
        assert acquired
        owner = Owner.read(path)
        assert owner is not None
        assert (owner.pid, owner.host) == (os.getpid(), socket.gethostname())
        assert str(owner).startswith(f"process {os.getpid()} on {socket.gethostname()} (since 2")
    assert Owner.read(path) is None
    assert list(path.parent.iterdir()) == [path]


def test_waiting_is_announced_with_the_owner_and_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "ANNOUNCE_AFTER", 0.01)
    monkeypatch.setattr(locks, "GIVE_UP_AFTER", 0.02)
    announced: list[Owner | None] = []
    with locked(path, refuse), locked(path, announced.append) as acquired:
        assert not acquired
        assert announced == [Owner.read(path)]
    with locked(path, refuse) as acquired:
        assert acquired


def test_a_lock_that_is_released_in_time_is_acquired(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "ANNOUNCE_AFTER", 0.01)
    waiting = threading.Event()

    def hold() -> None:
        with file_lock(path):
            held.set()
            waiting.wait(60)

    held, holder = threading.Event(), threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    with locked(path, lambda _: waiting.set()) as acquired:
        assert acquired
    holder.join(60)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"[" * 4_000,
        b'{"pid": "1", "host": "h", "since": 0}',
        b'{"pid": 1, "host": "h", "since": 1e999}',
        b'{"pid": 1, "host": "h", "since": null}',
        b'{"pid": 1, "host": "h", "since": 0, "more": 0}',
        b" " * 10_000,
    ],
)
def test_an_owner_that_cannot_be_parsed_is_unknown(content: bytes, path: Path) -> None:
    path.with_suffix(".owner").write_bytes(content)
    assert Owner.read(path) is None


def test_whether_a_lock_is_held(path: Path) -> None:
    assert not is_locked(path)
    with file_lock(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_control_characters_of_an_owner_are_escaped() -> None:
    assert "\x1b" not in str(Owner(1, "\x1b[2J", 0))


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_the_file_of_a_lock_follows_the_umask_and_is_never_writable_by_all(umask: int, mode: int, path: Path) -> None:
    before = os.umask(umask)
    try:
        with file_lock(path):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
