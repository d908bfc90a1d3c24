"""Read and write entries of the store, lock them, and mark them as in use."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from prunesweep.files import canonical, sha256, write_atomically
from prunesweep.store.entries import DAMAGED, LOCK, RECORD, RUNNING, TENSORS, Entry, Record, entry_path, usage
from prunesweep.store.settings import StoreSettings
from prunesweep.store.tally import Tally

log = logging.getLogger(__name__)


def open_store(settings: StoreSettings) -> Store:
    """Return the store that `settings` describe."""
    return Store(settings.folder if settings.enabled else None)


class Store:
    """The entries in a folder. Without a folder, nothing is stored.

    Attributes:
        writable: False without a folder, and after the first write that failed.
        written: the bytes of all entries that were saved through this object.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.writable = folder is not None
        self.written = 0
        self._reported: set[str] = set()

    def record(self, digest: str) -> Record | None:
        """Return the record of the entry `digest`, or None if the entry is missing or damaged."""
        entry = self.entry(digest)
        return entry.record if entry else None

    def load(self, digest: str) -> tuple[dict[str, Tensor], Record] | None:
        """Return the tensors, on the CPU, and the record of the entry `digest`, or None as in `record`."""
        entry = self.entry(digest)
        if entry is None:
            return None
        try:
            content = self._path(digest, TENSORS).read_bytes()
            if sha256(content) != entry.tensors:
                raise ValueError("the checksum of its tensors does not match")
            return load(content), entry.record
        except (OSError, ValueError, SafetensorError) as error:
            if not self._path(digest, RECORD).exists():
                return None  # evicted in the meantime by another process
            self.set_aside(digest, str(error))
            return None

    def entry(self, digest: str) -> Entry | None:
        """Return the entry `digest` without its tensors, or None as in `record`."""
        if self.folder is None:
            return None
        try:
            entry = Entry.from_bytes(self._path(digest, RECORD).read_bytes())
            if entry.digest != digest:
                raise ValueError("its record belongs to another step")
            return entry
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self.set_aside(digest, str(error))
            return None

    def save(
        self,
        digest: str,
        parent: str,
        step: Record,
        tensors: Mapping[str, Tensor] | None,
        record: Record,
        *,
        summary: str = "",
        kind: str = "other",
    ) -> None:
        """Store the result of a step. Does nothing if the store is not writable.

        Args:
            digest: the digest of the entry.
            parent: the digest of the state before the step, or an empty string.
            step: the description of the step.
            tensors: the state after the step, or None for an observation, which changes no state.
            record: what the step reports.
            summary: the step in a few words for people.
            kind: `init`, `train`, `prune` or `other`.
        """
        if not self.writable:
            return
        content = None if tensors is None else save({name: tensor.cpu() for name, tensor in tensors.items()})
        checksum = None if content is None else sha256(content)
        entry = Entry(digest, parent, step, record, checksum, summary, kind).to_bytes()
        with self.writing():
            if content is not None:
                write_atomically(self._path(digest, TENSORS), content)
            write_atomically(self._path(digest, RECORD), entry)
            self.written += len(entry) + len(content or b"")

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Hold the lock of the entry `digest`, so that only one process computes it. Others wait."""
        with contextlib.ExitStack() as locks:
            if self.writable:
                with self.writing():
                    path = self._path(digest, LOCK)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    locks.enter_context(FileLock(path))
            yield

    @contextlib.contextmanager
    def in_use(self, digests: Sequence[str]) -> Iterator[None]:
        """Protect the entries `digests` from eviction while active. Afterwards they count as just used."""
        name = uuid.uuid4().hex
        with contextlib.ExitStack() as locks:
            if self.writable:
                with self.writing():
                    running = self._root / RUNNING
                    running.mkdir(parents=True, exist_ok=True)
                    locks.callback(self._remove_marks, name)
                    # The lock comes first: a list of digests without a lock is taken for that of a dead process.
                    locks.enter_context(FileLock(running / f"{name}{LOCK}"))
                    write_atomically(running / f"{name}{RECORD}", canonical(list(digests)), durable=False)
            try:
                yield
            finally:
                self._touch(digests)

    def _remove_marks(self, name: str) -> None:
        for suffix in (RECORD, LOCK):
            with contextlib.suppress(OSError):
                (self._root / RUNNING / f"{name}{suffix}").unlink()

    def _touch(self, digests: Sequence[str]) -> None:
        """Set the time of the last use. Earlier steps are newer, because more chains share them."""
        if self.writable:
            now = time.time_ns()
            for number, digest in enumerate(reversed(digests)):
                moment = now + 1_000 * number  # distinct times, even if the clock of the file system is coarse
                with contextlib.suppress(OSError):
                    os.utime(self._path(digest, RECORD), ns=(moment, moment))

    def count_run(self, cached: int, computed: int) -> Tally | None:
        """Add the steps of a finished run to the tally, and return it. None if the store is not writable.

        Args:
            cached: the number of steps that the run found in the store.
            computed: the number of steps that the run computed.
        """

        def add(tally: Tally) -> Tally:
            size, runs = tally.size + self.written, tally.runs + (self.written > 0)
            return Tally(tally.cached + cached, tally.computed + computed, size, runs)

        if self.writable:
            with self.writing():
                return Tally.update(self._root, add)
        return None

    def set_aside(self, digest: str, reason: str) -> None:
        """Move a damaged entry to `damaged/`, and log one warning, even if it cannot be moved and is read again."""
        if digest not in self._reported:
            log.warning("The stored step %s is damaged and set aside: %s.", digest[:12], reason)
            self._reported.add(digest)
        for suffix in (RECORD, TENSORS):
            with contextlib.suppress(OSError):
                (self._root / DAMAGED).mkdir(exist_ok=True)
                path = self._path(digest, suffix)
                os.replace(path, self._root / DAMAGED / path.name)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Wrap every write to the store: the first failure is logged, and nothing is written after it."""
        try:
            yield
        except OSError as error:
            self.writable = False
            log.warning("The store %s cannot be written to (%s): this run goes on without storing.", self.folder, error)

    @property
    def _root(self) -> Path:
        """The folder, in methods that are only called if there is one."""
        assert self.folder is not None
        return self.folder

    def _path(self, digest: str, suffix: str) -> Path:
        return entry_path(self._root, digest, suffix)


def verify(folder: Path) -> tuple[int, list[str]]:
    """Read every entry of the store `folder`, and set damaged ones aside.

    Returns:
        The number of entries, and the digests of the damaged ones.
    """
    store, damaged = Store(folder), []
    entries = usage(folder)
    for each in entries:
        entry = store.entry(each.digest)
        if entry is None or (entry.tensors and store.load(each.digest) is None):
            damaged.append(each.digest)
    return len(entries), damaged
