"""Which process has a trial in its hands, and whether it is alive.

On one machine a process is alive while it holds its lock file, which the operating system frees at its death. Of
another machine only its heartbeats in the database are seen.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout
from optuna.storages import RDBStorage

log = logging.getLogger(__name__)


class Owner:
    """This process, within a `with`; its lock lies in `folder`, and its heartbeat goes on for the trials it holds."""

    def __init__(self, folder: Path, storage: RDBStorage) -> None:
        self.folder = folder
        self.storage = storage
        self.name = uuid.uuid4().hex
        self.host = socket.gethostname()
        self._trials: set[int] = set()
        self._stopped = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Owner:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / self.name)
        self._lock.acquire()
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._beating.join()
        self._lock.release()
        if error is None:  # else the file, which nobody holds now, tells that the trials left behind are free
            (self.folder / self.name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def holding(self, trials: list[int]) -> Iterator[None]:
        """Within, heartbeats say that the trials with these ids are under way."""
        self._trials = set(trials)
        try:
            yield
        finally:
            self._trials = set()

    def _beat(self) -> None:
        while not self._stopped.wait(self.storage.get_heartbeat_interval()):
            for trial in list(self._trials):
                try:
                    self.storage.record_heartbeat(trial)
                except Exception as error:  # the database may be away for a moment
                    log.warning("No heartbeat: %s", str(error).splitlines()[0])

    @property
    def signature(self) -> str:
        """What this process signs its trials with."""
        return f"{self.host}/{self.name}"

    def is_dead(self, signature: str | None, silent: bool) -> bool:
        """Whether the process with this `signature` is no more; `silent`: its trial's heartbeats have ended."""
        if signature is None:
            return True  # died before it could sign: whoever looks holds the lock under which trials are signed
        if signature == self.signature:
            return False
        host, _, name = signature.rpartition("/")
        path = self.folder / name
        if host != self.host or not path.exists():
            return silent
        try:
            with FileLock(path, timeout=0):
                return True
        except Timeout:
            return False
