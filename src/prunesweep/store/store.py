"""digest -> what a step left behind: tensors as safetensors, and a JSON record that commits them.

An entry is two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written under another name, flushed to the
disk and renamed, the tensors first: an entry exists once its record does. The record carries a checksum of itself and
of the tensors; what does not match is reported, set aside in `damaged/`, and computed anew. Never pickle.

Any number of processes may use one store. Who computes a step holds its lock; the operating system releases the locks
of a process that dies. A store that cannot be written to is only read: the run goes on, and says so once.
"""

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
from prunesweep.store.entries import (
    DAMAGED,
    LOCK,
    RECORD,
    RUNNING,
    TENSORS,
    Entry,
    Record,
)
from prunesweep.store.tally import Tally

log = logging.getLogger(__name__)


class Store:
    """Finished steps by digest, in a folder; without a folder it keeps nothing.

    Attributes:
        writable: false from the first write on that failed.
        written: bytes of the entries that were saved here.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.writable = folder is not None
        self.written = 0
        self._reported: set[str] = set()

    def record(self, digest: str) -> Record | None:
        """The record under `digest`, or None where there is none that can be trusted."""
        entry = self.entry(digest)
        return entry.record if entry else None

    def load(self, digest: str) -> tuple[dict[str, Tensor], Record] | None:
        """The tensors, on the CPU, and the record under `digest`, or None where there are none that can be trusted."""
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
                return None  # another process has evicted it in between
            self.set_aside(digest, str(error))
            return None

    def save(
        self, digest: str, parent: str, step: Record, tensors: Mapping[str, Tensor] | None, record: Record
    ) -> None:
        """Keep `record`, and `tensors` where there are any, of `step`, done on what is under the digest `parent`."""
        if not self.writable:
            return
        content = None if tensors is None else save({name: tensor.cpu() for name, tensor in tensors.items()})
        signed = Entry(digest, parent, step, record, None if content is None else sha256(content)).signed()
        with self.writing():
            if content is not None:
                write_atomically(self._path(digest, TENSORS), content)
            write_atomically(self._path(digest, RECORD), signed)
            self.written += len(signed) + len(content or b"")

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Held by the one process that computes the step with `digest`; others wait for it."""
        with contextlib.ExitStack() as held:
            if self.writable:
                with self.writing():
                    path = self._path(digest, LOCK)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    held.enter_context(FileLock(path))
            yield

    @contextlib.contextmanager
    def in_use(self, digests: Sequence[str]) -> Iterator[None]:
        """Within, no process evicts the entries under `digests`; and they are those used last."""
        name = uuid.uuid4().hex
        with contextlib.ExitStack() as held:
            if self.writable:
                with self.writing():
                    assert self.folder is not None
                    running = self.folder / RUNNING
                    running.mkdir(parents=True, exist_ok=True)
                    held.callback(self._forget, name)
                    # First the lock: a list without one is taken for that of a process that died.
                    held.enter_context(FileLock(running / f"{name}{LOCK}"))
                    write_atomically(running / f"{name}{RECORD}", canonical(list(digests)), durable=False)
            try:
                yield
            finally:
                self._touch(digests)

    def _forget(self, name: str) -> None:
        assert self.folder is not None
        for suffix in (RECORD, LOCK):
            with contextlib.suppress(OSError):
                (self.folder / RUNNING / f"{name}{suffix}").unlink()

    def _touch(self, digests: Sequence[str]) -> None:
        """Set the time of last use; of the later steps first, so that what many chains begin with is evicted last."""
        if self.writable:
            now = time.time_ns()
            for number, digest in enumerate(reversed(digests)):
                moment = now + 1_000 * number  # apart, however coarse the system's own clock for files is
                with contextlib.suppress(OSError):
                    os.utime(self._path(digest, RECORD), ns=(moment, moment))

    def tally(self, cached: int, computed: int) -> Tally | None:
        """Count the steps of a run that the store had, and those it lacked; None where nothing can be counted."""

        def counted(before: Tally) -> Tally:
            size, runs = before.size + self.written, before.runs + (self.written > 0)
            return Tally(before.cached + cached, before.computed + computed, size, runs)

        if self.folder is not None and self.writable:
            with self.writing():
                return Tally.update(self.folder, counted)
        return None

    def set_aside(self, digest: str, reason: str) -> None:
        """Move a damaged entry out of the way, and say so in one line: once, if it cannot be moved."""
        assert self.folder is not None
        if digest not in self._reported:
            log.warning("The stored step %s is damaged and set aside: %s.", digest[:12], reason)
            self._reported.add(digest)
        for suffix in (RECORD, TENSORS):
            with contextlib.suppress(OSError):
                (self.folder / DAMAGED).mkdir(exist_ok=True)
                path = self._path(digest, suffix)
                os.replace(path, self.folder / DAMAGED / path.name)

    def entry(self, digest: str) -> Entry | None:
        """The signed record under `digest`, without its tensors; None as for `record`."""
        if self.folder is None:
            return None
        try:
            entry = Entry.of(self._path(digest, RECORD).read_bytes())
            if entry.digest != digest:
                raise ValueError("it is that of another step")
            return entry
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self.set_aside(digest, str(error))
            return None

    def _path(self, digest: str, suffix: str) -> Path:
        assert self.folder is not None
        return self.folder / digest[:2] / f"{digest}{suffix}"

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Around whatever writes to the store: a failure is told once, and from then on nothing is written."""
        try:
            yield
        except OSError as error:
            self.writable = False
            log.warning("The store %s cannot be written to (%s): this run goes on without storing.", self.folder, error)
