"""Canonical JSON, checksums, reads of files from unknown sources within limits, and atomic writes.

Imports nothing from the package.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import uuid
from pathlib import Path, PurePath
from typing import Any

MAX_DEPTH = 20
"""How deep values of unknown origin may be nested. A result is nested 5 deep."""
MAX_CONTAINERS, MAX_VALUES = 500_000, 5_000_000
"""How many lists and objects, and how many values, JSON of unknown origin may contain. They limit the memory."""

LONG_NUMBER = re.compile(rb"\d{19}|[eE]\+?\d{3}")
"""What the text of each integer beyond 64 bits, and of each number that is not finite, contains."""


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


def read_inside(folder: Path, name: PurePath | str, limit: int) -> bytes:
    """Return the content of the file `name` below `folder`, a folder from an unknown source, like `read_regular`.

    Symbolic links below `folder` are not followed, because they can lead to any file of the machine.

    Raises:
        ValueError: As in `read_regular`, or a part of `name` is a symbolic link.
        OSError: The file does not exist or cannot be read.
    """
    refuse_links(folder, name)
    return read_regular(folder / name, limit)


def refuse_links(folder: Path, name: PurePath | str) -> None:
    """Raise `ValueError` if the path `name` below `folder` leaves it, or if a part of the path is a symbolic link.

    The path does not have to exist. `folder` itself may be or contain a symbolic link.
    """
    path = os.fspath(folder)  # text, because an object for each part of many thousand paths takes too long
    for part in PurePath(name).parts:
        if part in (os.sep, ".."):
            raise ValueError("leads out of the directory")
        path = f"{path}{os.sep}{part}"
        if os.path.islink(path):  # noqa: PTH114
            raise ValueError("is a symbolic link, which is not followed")


def parse_json(content: bytes) -> Any:
    """Return the value of JSON from an unknown source.

    Limit the size of `content` first, for example with `read_regular`.

    Raises:
        ValueError: `content` is not JSON in UTF-8, is nested deeper than `MAX_DEPTH`, has too many values, or contains
            a number that is not finite or an integer beyond 64 bits, or text that is not Unicode.
    """
    if content.count(b"[") + content.count(b"{") > MAX_CONTAINERS or content.count(b",") > MAX_VALUES:
        raise ValueError("contains too many values")
    try:
        # A function for each number is slow, so numbers are examined only where some have many digits.
        integer, number = (_integer, _finite) if LONG_NUMBER.search(content) else (None, None)
        value = json.loads(content.decode(), parse_int=integer, parse_float=number, parse_constant=_finite)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    check_depth(value)
    if b"\\ud" in content.lower():  # half of a pair of escapes is a text that cannot be written to any file
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("contains text that is not Unicode") from None
    return value


def check_depth(value: Any, depth: int = MAX_DEPTH) -> None:
    """Raise `ValueError` if dictionaries and lists are nested deeper than `depth`."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise ValueError("is nested too deeply")


def _integer(text: str) -> int:
    value = int(text) if len(text) <= 20 else 2**63
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"contains an integer beyond 64 bits ({len(text)} digits)")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not -float("inf") < value < float("inf"):
        raise ValueError(f"contains a number that is not finite, {text[:20]}")
    return value


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
