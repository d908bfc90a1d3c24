"""digest -> what a step left behind: tensors as safetensors, and a JSON record that commits them.

An entry is two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written under another name, flushed to the
disk and renamed, the tensors first: an entry exists once its record does. The record carries a checksum of itself and
of the tensors; what does not match is reported, set aside in `damaged/`, and computed anew. Never pickle.

Any number of processes may use one store. Who computes a step holds its lock; the operating system releases the locks
of a process that dies. A store that cannot be written to is only read: the run goes on, and says so once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunesweep.errors import check_range

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

Record = dict[str, Any]

RECORD, TENSORS, LOCK = ".json", ".safetensors", ".lock"
DAMAGED, RUNNING, TALLY = "damaged", "running", "tally.json"


@dataclass
class StoreSettings:
    """Where finished steps are kept, and how many gigabytes of them. Without `dir`: a folder in the user's cache."""

    enabled: bool = True
    dir: str | None = None
    max_gb: float = 5.0

    def __post_init__(self) -> None:
        check_range("store.max_gb", self.max_gb, 0)

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        if self.dir:
            return Path(self.dir).expanduser()
        from platformdirs import user_cache_path

        return user_cache_path("prunesweep") / "store"

    def open(self) -> Store:
        """The store that these settings describe."""
        return Store(self.folder if self.enabled else None)


def canonical(value: Any) -> bytes:
    """The one encoding of plain values that hashes and checksums are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, so that `path` holds all of it or is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Entry:
    """A record as it is stored: what it is of, what it tells, and what its tensors must hash to."""

    digest: str
    parent: str
    step: Record
    record: Record
    tensors: str | None

    def signed(self) -> bytes:
        """The content of the record's file."""
        fields = vars(self)
        return json.dumps({**fields, "checksum": sha256(canonical(fields))}).encode()

    @classmethod
    def of(cls, content: bytes) -> Entry:
        """The entry of a file's content.

        Raises:
            ValueError: the content is not one, or not as it was written.
        """
        fields = json.loads(content)
        if not isinstance(fields, dict) or fields.pop("checksum", None) != sha256(canonical(fields)):
            raise ValueError("its checksum does not match")
        return cls(**fields)


class Store:
    """Finished steps by digest, in a folder; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.writable = folder is not None

    def record(self, digest: str) -> Record | None:
        """The record under `digest`, or None where there is none that can be trusted."""
        entry = self.entry(digest)
        return entry.record if entry else None

    def load(self, digest: str) -> tuple[dict[str, Tensor], Record] | None:
        """The tensors, on the CPU, and the record under `digest`, or None where there are none that can be trusted."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        entry = self.entry(digest)
        if entry is None:
            return None
        try:
            content = self._path(digest, TENSORS).read_bytes()
            if sha256(content) != entry.tensors:
                raise ValueError("the checksum of its tensors does not match")
            return load(content), entry.record
        except (OSError, ValueError, SafetensorError) as error:
            self.set_aside(digest, str(error))
            return None

    def save(
        self, digest: str, parent: str, step: Record, tensors: Mapping[str, Tensor] | None, record: Record
    ) -> None:
        """Keep `record`, and `tensors` where there are any, of `step`, done on what is under the digest `parent`."""
        from safetensors.torch import save

        if not self.writable:
            return
        content = None if tensors is None else save({name: tensor.cpu() for name, tensor in tensors.items()})
        entry = Entry(digest, parent, step, record, None if content is None else sha256(content))
        with self._writing():
            if content is not None:
                write_atomically(self._path(digest, TENSORS), content)
            write_atomically(self._path(digest, RECORD), entry.signed())

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Held by the one process that computes the step with `digest`; others wait for it."""
        from filelock import FileLock

        with contextlib.ExitStack() as held:
            if self.writable:
                with self._writing():
                    path = self._path(digest, LOCK)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    held.enter_context(FileLock(path))
            yield

    @contextlib.contextmanager
    def in_use(self, digests: Sequence[str]) -> Iterator[None]:
        """Within, no process evicts the entries under `digests`; and they are those used last."""
        from filelock import FileLock

        name = uuid.uuid4().hex
        with contextlib.ExitStack() as held:
            if self.writable:
                with self._writing():
                    assert self.folder is not None
                    write_atomically(self.folder / RUNNING / f"{name}{RECORD}", canonical(list(digests)))
                    held.callback(self._forget, name)
                    held.enter_context(FileLock(self.folder / RUNNING / f"{name}{LOCK}"))
            try:
                yield
            finally:
                self._touch(digests)

    def _forget(self, name: str) -> None:
        assert self.folder is not None
        for suffix in (RECORD, LOCK):
            (self.folder / RUNNING / f"{name}{suffix}").unlink(missing_ok=True)

    def _touch(self, digests: Sequence[str]) -> None:
        """Set the time of last use; of the later steps first, so that what many chains begin with is evicted last."""
        if self.writable:
            now = time.time_ns()
            for number, digest in enumerate(reversed(digests)):
                moment = now + 1_000 * number  # apart, however coarse the system's own clock for files is
                with contextlib.suppress(OSError):
                    os.utime(self._path(digest, RECORD), ns=(moment, moment))

    def tally(self, cached: int, computed: int) -> None:
        """Count the steps of a run that the store had, and those it lacked."""
        from filelock import FileLock

        if self.folder is None or not self.writable:
            return
        path = self.folder / TALLY
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(LOCK)):
                before = read_tally(self.folder)
                write_atomically(path, canonical([before[0] + cached, before[1] + computed]))

    def set_aside(self, digest: str, reason: str) -> None:
        """Move a damaged entry out of the way, and say so in one line."""
        log.warning("The stored step %s is damaged and set aside: %s.", digest[:12], reason)
        assert self.folder is not None
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
        except (OSError, ValueError, TypeError) as error:
            self.set_aside(digest, str(error))
            return None

    def _path(self, digest: str, suffix: str) -> Path:
        assert self.folder is not None
        return self.folder / digest[:2] / f"{digest}{suffix}"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.writable = False
            log.warning("The store %s cannot be written to (%s): this run goes on without storing.", self.folder, error)


def read_tally(folder: Path) -> tuple[int, int]:
    """Steps that the store had, and steps it lacked, over all runs."""
    try:
        cached, computed = json.loads((folder / TALLY).read_bytes())
        return int(cached), int(computed)
    except (OSError, ValueError, TypeError):
        return 0, 0


def sha256(content: bytes) -> str:
    """The checksum in use."""
    return hashlib.sha256(content).hexdigest()
