"""Entries of the store: their records as bytes, and their files."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.files import canonical, parse_json, read_regular, sha256

Record = dict[str, Any]

RECORD, TENSORS, LOCK, OWNER = ".json", ".safetensors", ".lock", ".owner"
"""Suffixes of the files of an entry."""
DAMAGED = "damaged"
"""The subfolder for damaged entries."""
RUNNING = "running"
"""The subfolder with the digests that each active run uses."""
MAX_RECORD = 8 * 2**20
"""The largest size of a record in bytes. The record of 1,000 epochs needs about 0.2 MiB."""
SUBFOLDERS = "[0-9a-f][0-9a-f]"
"""The subfolders with the entries, as a glob pattern."""
DIGEST = re.compile("[0-9a-f]{64}")

TYPES = {
    "digest": str,
    "parent": str,
    "step": dict,
    "record": dict,
    "tensors": str | None,
    "size": int | None,
    "summary": str,
    "kind": str,
}
"""The type of each field of a record."""


class Damaged(ValueError):
    """The files of an entry do not have the content that was stored."""


@dataclass(frozen=True)
class Entry:
    """The record of a step, as it is stored.

    Attributes:
        digest: the digest of the state after the step, or of the observation.
        parent: the digest of the state before it, or an empty string.
        step: the description of the step, from which its digest was computed.
        record: what the step reports, such as losses and accuracies.
        tensors: the SHA-256 of the file of tensors, or None if the step has no tensors.
        summary: the step in a few words for people, such as `epoch 3`.
        kind: `init`, `train`, `prune` or `other`.
        size: the size of the file of tensors in bytes. None if there is no file, and in entries of older versions.
    """

    digest: str
    parent: str
    step: Record
    record: Record
    tensors: str | None
    summary: str = ""
    kind: str = "other"
    size: int | None = None

    def to_bytes(self) -> bytes:
        """Return the content of the record's file, with a checksum."""
        return _encode(vars(self), sha256(canonical(vars(self))))

    @classmethod
    def from_bytes(cls, content: bytes) -> Entry:
        """Return the entry in the content of a file.

        Raises:
            Damaged: the content was not written by `to_bytes`, or was changed later.
        """
        try:
            return cls(**_checked(content))
        except Damaged:
            raise
        except (ValueError, TypeError) as error:  # not JSON, or missing fields
            raise Damaged(f"its record cannot be parsed ({error})") from None


def _checked(content: bytes) -> Record:
    """Return the fields in the content of a record's file, if the content is exactly what was stored."""
    fields: Record = parse_json(content)
    checksum = fields.pop("checksum", None) if isinstance(fields, dict) else None
    if checksum is None or checksum != sha256(canonical(fields)):
        raise Damaged("the checksum of its record does not match")
    if _encode(fields, checksum) != content:  # a flipped bit can keep the values: 1E-05 instead of 1e-05
        raise Damaged("its record was changed")
    if not all(name in TYPES and isinstance(value, TYPES[name]) for name, value in fields.items()):
        raise Damaged("its record has an unknown field, or a field of another type")
    return fields


def _encode(fields: Record, checksum: str) -> bytes:
    return json.dumps({**fields, "checksum": checksum}).encode()


def create(folder: Path) -> None:
    """Create the store `folder` for the current user only. The permissions of an existing folder are not changed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def entry_path(folder: Path, digest: str, suffix: str) -> Path:
    """Return the path of a file of the entry `digest` in the store `folder`."""
    return folder / digest[:2] / f"{digest}{suffix}"


def read_entry(folder: Path, digest: str) -> Entry:
    """Read the record of the entry `digest` in the store `folder`.

    Raises:
        FileNotFoundError: there is no such entry.
        OSError: the file cannot be read at the moment.
        Damaged: the file does not hold the record of this entry.
    """
    try:
        content = read_regular(entry_path(folder, digest, RECORD), MAX_RECORD)
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from None
    except ValueError as error:
        raise Damaged(f"its record {error}") from None
    entry = Entry.from_bytes(content)
    if entry.digest != digest:
        raise Damaged("its record belongs to another step")
    return entry


@dataclass(frozen=True)
class Usage:
    """The size of an entry in bytes, and the time of its last use in seconds since the epoch."""

    digest: str
    size: int
    used: float


def usage(folder: Path) -> list[Usage]:
    """Return the size and the last use of all entries of the store `folder`."""
    entries = []
    for record in _records(folder):
        with contextlib.suppress(OSError):  # evicted in the meantime by another process
            status, size = record.lstat(), 0
            with contextlib.suppress(FileNotFoundError):
                size = record.with_suffix(TENSORS).lstat().st_size
            entries.append(Usage(record.stem, status.st_size + size, status.st_mtime))
    return entries


def _records(folder: Path) -> Iterator[Path]:
    """Yield the paths that have the name of a record, and no other file that a folder may contain."""
    for path in folder.glob(f"{SUBFOLDERS}/*{RECORD}"):
        if DIGEST.fullmatch(path.stem) and path.stem.startswith(path.parent.name):
            yield path
