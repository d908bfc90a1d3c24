"""Locks between processes. Waiting ends after a limit, and the process that holds a lock is known to those that wait.

The operating system releases the locks of a process that dies, but not the locks of a process that is stopped.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from prunesweep.errors import printable
from prunesweep.files import canonical, parse_json, read_regular, write_atomically
from prunesweep.store.entries import OWNER

ANNOUNCE_AFTER = 5.0
"""The number of seconds after which waiting is announced."""
GIVE_UP_AFTER = 600.0
"""The number of seconds after which waiting ends."""
MAX_OWNER = 4_096
"""The largest size in bytes of the file that describes an owner."""


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock.

    Attributes:
        pid: its ID.
        host: the name of its machine.
        since: the time at which it acquired the lock, in seconds since the epoch.
    """

    pid: int
    host: str
    since: float

    @classmethod
    def read(cls, lock: Path) -> Owner | None:
        """Return the owner of `lock`, or None if it is not recorded."""
        try:
            owner = cls(**parse_json(read_regular(lock.with_suffix(OWNER), MAX_OWNER)))
            str(owner)
        except (OSError, ValueError, TypeError, OverflowError):
            return None
        return owner

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since)
        return f"process {self.pid:d} on {printable(self.host)} (since {since:%Y-%m-%d %H:%M:%S})"


def file_lock(path: Path) -> FileLock:
    """Return the lock `path`. Its file follows the umask, and users outside the owner's group never can write to it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o664))
    return FileLock(path)


@contextlib.contextmanager
def locked(path: Path, announce: Callable[[Owner | None], None]) -> Iterator[bool]:
    """Hold the lock `path`, or yield False if another process holds it for longer than `GIVE_UP_AFTER`.

    Args:
        path: the file of the lock. Its folder exists.
        announce: called with the owner after `ANNOUNCE_AFTER` seconds of waiting.

    Raises:
        OSError: the lock cannot be used.
    """
    lock = file_lock(path)
    if not _acquire(lock, ANNOUNCE_AFTER):
        announce(Owner.read(path))
        if not _acquire(lock, GIVE_UP_AFTER - ANNOUNCE_AFTER):
            yield False
            return
    try:
        with contextlib.suppress(OSError):  # the owner is only shown
            write_atomically(path.with_suffix(OWNER), _this_process(), durable=False)
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.with_suffix(OWNER).unlink()
        lock.release()


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock `path`."""
    if not path.exists():
        return False
    lock = FileLock(path)
    if not _acquire(lock, 0):
        return True
    lock.release()
    return False


def _acquire(lock: FileLock, timeout: float) -> bool:
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        return False
    return True


def _this_process() -> bytes:
    return canonical(asdict(Owner(os.getpid(), socket.gethostname(), time.time())))
