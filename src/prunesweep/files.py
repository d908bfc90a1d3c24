"""Canonical JSON, checksums and atomic writes.

Imports nothing from the package.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any


def canonical(value: Any) -> bytes:
    """Encode plain values as JSON in one fixed way, so that equal values have equal hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


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
