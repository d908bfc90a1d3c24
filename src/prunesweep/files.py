"""Canonical JSON, checksums, bounded reads and atomic writes.

Imports nothing from the package.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import uuid
from pathlib import Path
from typing import Any


def canonical(value: Any) -> bytes:
    """Encode plain values as JSON in one fixed way, so that equal values have equal hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_regular(path: Path, limit: int) -> bytes:
    """Return the content of a file from an unknown source, if it is a regular file of at most `limit` bytes.

    Does not wait for a FIFO or a device. Follows symbolic links.

    Args:
        path: the file.
        limit: the largest accepted size in bytes.

    Raises:
        ValueError: `path` is a directory, a FIFO, a socket or a device, or larger than `limit`. The message continues
            a sentence that begins with the name of the file.
        OSError: `path` does not exist or cannot be read.
    """
    _check_regular(path.stat())  # opening a device can have effects
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        _check_regular(status)  # `path` may have been replaced in the meantime
        if status.st_size > limit:
            raise ValueError(f"is larger than {limit:,} bytes")
        content: bytes = file.read(status.st_size + 1) or b""
        if len(content) > status.st_size:  # it grew, or the kernel generates it, as in /proc
            raise ValueError("has more content than its size")
        return content


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is not a regular file")


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write `content` to `path`. If the write fails, or the process dies, `path` is as it was before.

    The content is written to a hidden temporary file in the same folder, which is then renamed. The permissions are
    those of any new file, as set by the umask.

    Args:
        path: the file to write or to replace. Its folder is created if it does not exist.
        content: the bytes of the whole file.
        durable: flush the content to the disk before renaming, so that it survives a power failure.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
