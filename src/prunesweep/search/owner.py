"""Which process is working on a trial, and whether that process is still alive.

On the same machine a process is alive while it holds its lock file, which the operating system releases when it dies.
The processes of other machines are known only by their heartbeats in the database.
"""

from __future__ import annotations

import logging
import socket
import threading
import uuid
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout
from optuna.storages import RDBStorage

log = logging.getLogger(__name__)


class Owner:
    """This process as the owner of trials, within a `with` statement.

    Holds a lock file in `folder` and sends heartbeats for the trials in `holding`.
    """

    def __init__(self, folder: Path, storage: RDBStorage) -> None:
        self.folder = folder
        self.storage = storage
        self.name = uuid.uuid4().hex
        self.host = socket.gethostname()
        self._trials: set[int] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send_heartbeats, daemon=True)

    def __enter__(self) -> Owner:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / self.name)
        self._lock.acquire()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._lock.release()
        if error is None:  # after an error the unlocked file shows other processes that the trials are free
            (self.folder / self.name).unlink(missing_ok=True)

    def holding(self, trials: list[int]) -> None:
        """Send heartbeats for the trials with these database IDs from now on, and for no others."""
        self._trials = set(trials)

    def _send_heartbeats(self) -> None:
        while not self._stopped.wait(self.storage.get_heartbeat_interval()):
            for trial in list(self._trials):
                try:
                    self.storage.record_heartbeat(trial)
                except Exception as error:  # the database can be unreachable for a moment
                    log.warning("No heartbeat was sent: %s", str(error).splitlines()[0])

    @property
    def signature(self) -> str:
        """The text by which trials name this process as their owner."""
        return f"{self.host}/{self.name}"

    def is_dead(self, signature: str | None, silent: bool) -> bool:
        """Whether the process with this `signature` has ended.

        Args:
            signature: The owner that the trial names, or None.
            silent: Whether the trial's heartbeats have stopped.
        """
        if signature is None:
            return True  # a process signs a trial under the lock that the caller holds now, so it died before
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
