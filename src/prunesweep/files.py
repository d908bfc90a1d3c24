"""digest -> what a step left behind: tensors as safetensors, and a JSON record that commits them.

An entry is two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written under another name, flushed to the
disk and renamed, the tensors first: an entry exists once its record does. The record carries a checksum of itself and
of the tensors; what does not match is reported, set aside in `damaged/`, and computed anew. Never pickle.

Any number of processes may use one store. Who computes a step holds its lock; the operating system releases the locks
of a process that dies. A store that cannot be written to is only read: the run goes on, and says so once.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def canonical(value: Any) -> bytes:
    """The one encoding of plain values that hashes and checksums are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write `content` to `path`, so that `path` holds all of it or is as it was; if `durable`, come what may."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sha256(content: bytes) -> str:
    """The checksum in use."""
    return hashlib.sha256(content).hexdigest()
