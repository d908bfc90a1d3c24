"""Read and write entries of the store, lock them, and mark them as in use."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from prunesweep.errors import printable
from prunesweep.files import canonical, read_regular, sha256, write_atomically
from prunesweep.store.entries import (
    DAMAGED,
    LOCK,
    MAX_RECORD,
    RECORD,
    RUNNING,
    TENSORS,
    Damaged,
    Entry,
    Record,
    create,
    entry_path,
    read_entry,
    usage,
)
from prunesweep.store.locks import ANNOUNCE_AFTER, GIVE_UP_AFTER, Owner, file_lock, is_locked, locked
from prunesweep.store.settings import StoreSettings
from prunesweep.store.tally import Tally

log = logging.getLogger(__name__)

MAX_TENSORS = 2**34
"""The largest size in bytes of the tensors of an entry whose record does not contain their size."""

MAX_REASON = 200
"""The number of characters of a reason that are logged."""

T = TypeVar("T")


def open_store(settings: StoreSettings) -> Store:
    """Return the store that `settings` describe."""
    return Store(settings.folder if settings.enabled else None)


class Store:
    """The entries in a folder. Without a folder, nothing is stored.

    Attributes:
        writable: False without a folder, and after the first write that failed.
        written: the bytes of all entries that were saved through this object.
        damaged: the digests of the damaged entries that this object has found.
        unreadable: the digests of the entries that exist but could not be read. They are not changed.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.writable = folder is not None
        self.written = 0
        self.damaged: list[str] = []
        self.unreadable: list[str] = []
        self._unlocked: set[str] = set()
        self._announced: set[tuple[int, str] | None] = set()

    def record(self, digest: str) -> Record | None:
        """Return the record of the entry `digest`, or None if the entry is missing, damaged or unreadable."""
        entry = self.entry(digest)
        return entry.record if entry else None

    def load(self, digest: str) -> tuple[dict[str, Tensor], Record] | None:
        """Return the tensors, on the CPU, and the record of the entry `digest`, or None as in `record`."""
        return self._read(digest, _read_state)

    def entry(self, digest: str) -> Entry | None:
        """Return the entry `digest` without its tensors, or None as in `record`."""
        return self._read(digest, read_entry)

    def holds(self, digest: str) -> bool:
        """Return whether the entry `digest` exists. It is not read, so it can be damaged or unreadable."""
        try:
            return self.folder is not None and entry_path(self.folder, digest, RECORD).is_file()
        except OSError:
            return False

    def _read(self, digest: str, read: Callable[[Path, str], T]) -> T | None:
        if self.folder is None:
            return None
        try:
            return read(self.folder, digest)
        except FileNotFoundError:
            return None
        except Damaged as error:
            self.set_aside(digest, str(error))
        except (OSError, MemoryError) as error:
            if not self.unreadable:
                reason = str(error) or type(error).__name__
                log.warning("The store %s cannot be read (%s): steps are computed instead.", self.folder, reason)
            self.unreadable.append(digest)
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
        """Store the result of a step. Does nothing if the store is not writable, or the lock was not obtained.

        Args:
            digest: the digest of the entry.
            parent: the digest of the state before the step, or an empty string.
            step: the description of the step.
            tensors: the state after the step, or None for an observation, which changes no state.
            record: what the step reports.
            summary: the step in a few words for people.
            kind: `init`, `train`, `prune` or `other`.
        """
        if not self.writable or digest in self._unlocked:
            return
        content = None if tensors is None else save({name: tensor.cpu() for name, tensor in tensors.items()})
        checksum, size = (None, None) if content is None else (sha256(content), len(content))
        entry = Entry(digest, parent, step, record, checksum, summary, kind, size).to_bytes()
        if not self._can_be_read(digest, entry):
            return
        with self.writing():
            create(self._root)
            if content is not None:
                write_atomically(self._path(digest, TENSORS), content)
            write_atomically(self._path(digest, RECORD), entry)
            self.written += len(entry) + len(content or b"")

    def _can_be_read(self, digest: str, entry: bytes) -> bool:
        try:
            if len(entry) > MAX_RECORD:
                raise Damaged(f"its record is larger than {MAX_RECORD:,} bytes")
            Entry.from_bytes(entry)
        except Damaged as error:
            log.warning("The step %s is not stored: %s.", digest[:12], error)
            return False
        return True

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Hold the lock of the entry `digest`, so that only one process computes it. Others wait.

        Waiting has a limit, because a stopped process keeps its locks. After it, the step is computed without storing.
        """
        with contextlib.ExitStack() as locks:
            if self.writable:
                with self.writing():
                    create(self._root)
                    path = self._path(digest, LOCK)
                    path.parent.mkdir(exist_ok=True)
                    if not locks.enter_context(locked(path, self._announce)):
                        self._unlocked.add(digest)
                        log.warning("The step %s is still locked: it is computed without storing.", digest[:12])
            yield

    def is_locked(self, digest: str) -> bool:
        """Return whether a process is computing the entry `digest`. False if that cannot be found out."""
        try:
            return self.folder is not None and is_locked(entry_path(self.folder, digest, LOCK))
        except OSError:
            return False

    def _announce(self, owner: Owner | None) -> None:
        """Log once for each process that this one waits for it. The same process can compute many steps."""
        process = (owner.pid, owner.host) if owner else None
        if process not in self._announced:
            self._announced.add(process)
            log.warning(
                "Waiting for a step that is being computed by %s. After %.0f minutes, this run computes it itself.",
                owner or "an unknown process",
                GIVE_UP_AFTER / 60,
            )

    @contextlib.contextmanager
    def in_use(self, digests: Sequence[str]) -> Iterator[None]:
        """Protect the entries `digests` from eviction while active. Afterwards they count as just used."""
        name = uuid.uuid4().hex
        with contextlib.ExitStack() as locks:
            if self.writable:
                with self.writing():
                    create(self._root)
                    running = self._root / RUNNING
                    running.mkdir(exist_ok=True)
                    locks.callback(self._remove_marks, name)
                    # The lock comes first: a list of digests without a lock is taken for that of a dead process.
                    locks.enter_context(file_lock(running / f"{name}{LOCK}").acquire(timeout=ANNOUNCE_AFTER))
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
        """Add the steps of a finished run to the tally, and return it.

        Returns None if the store is not writable, or another process holds the tally.

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
        if digest not in self.damaged:
            shown = printable(reason)[:MAX_REASON]  # it can contain names from the file
            log.warning("The stored step %s is damaged and set aside: %s.", digest[:12], shown)
            self.damaged.append(digest)
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


def _read_state(folder: Path, digest: str) -> tuple[dict[str, Tensor], Record]:
    """Read the tensors and the record of the entry `digest`. Raises the same errors as `read_entry`."""
    entry = read_entry(folder, digest)
    path = entry_path(folder, digest, TENSORS)
    try:
        content = read_regular(path, MAX_TENSORS if entry.size is None else entry.size)
    except FileNotFoundError:
        read_entry(folder, digest)  # raises the same error if the entry was evicted in the meantime
        if path.exists():
            raise  # the entry was evicted, and then computed by another process
        raise Damaged("its tensors are missing") from None
    except ValueError as error:
        raise Damaged(f"the file of its tensors {error}") from None
    if sha256(content) != entry.tensors:
        raise Damaged("the checksum of its tensors does not match")
    try:
        return load(content), entry.record
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, AssertionError) as error:
        raise Damaged(f"its tensors cannot be parsed ({error})") from None


@dataclass(frozen=True)
class Verification:
    """The outcome of reading all entries of a store. Entries that are evicted meanwhile do not count.

    Attributes:
        entries: the number of entries.
        damaged: the digests of the damaged entries, which were set aside.
        unreadable: the digests of the entries that exist but could not be read.
    """

    entries: int
    damaged: Sequence[str] = ()
    unreadable: Sequence[str] = ()


def verify(folder: Path) -> Verification:
    """Read every entry of the store `folder`, and set damaged ones aside."""
    store, sound = Store(folder), 0
    for each in usage(folder):
        entry = store.entry(each.digest)
        if entry is not None:
            sound += entry.tensors is None or store.load(each.digest) is not None
    damaged, unreadable = tuple(store.damaged), tuple(store.unreadable)
    return Verification(sound + len(damaged) + len(unreadable), damaged, unreadable)
