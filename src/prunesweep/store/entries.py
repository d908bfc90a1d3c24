"""Entries of the store: their records as bytes, and their files."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.files import canonical, sha256

Record = dict[str, Any]

RECORD, TENSORS, LOCK = ".json", ".safetensors", ".lock"
"""Suffixes of the files of an entry."""
DAMAGED = "damaged"
"""The subfolder for damaged entries."""
RUNNING = "running"
"""The subfolder with the digests that each active run uses."""


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
    """

    digest: str
    parent: str
    step: Record
    record: Record
    tensors: str | None
    summary: str = ""
    kind: str = "other"

    def to_bytes(self) -> bytes:
        """Return the content of the record's file, with a checksum."""
        return _with_checksum(vars(self))

    @classmethod
    def from_bytes(cls, content: bytes) -> Entry:
        """Return the entry in the content of a file.

        Raises:
            ValueError, TypeError, RecursionError: the content was not written by `to_bytes`, or was changed later.
        """
        fields = json.loads(content)
        if not isinstance(fields, dict) or fields.pop("checksum", None) != sha256(canonical(fields)):
            raise ValueError("the checksum of its record does not match")
        if _with_checksum(fields) != content:  # a flipped bit can keep the values: 1E-05 instead of 1e-05
            raise ValueError("its record was changed")
        return cls(**fields)


def _with_checksum(fields: Record) -> bytes:
    return json.dumps({**fields, "checksum": sha256(canonical(fields))}).encode()


def entry_path(folder: Path, digest: str, suffix: str) -> Path:
    """Return the path of a file of the entry `digest` in the store `folder`."""
    return folder / digest[:2] / f"{digest}{suffix}"


@dataclass(frozen=True)
class Usage:
    """The size of an entry in bytes, and the time of its last use in seconds since the epoch."""

    digest: str
    size: int
    used: float


def usage(folder: Path) -> list[Usage]:
    """Return the size and the last use of all entries of the store `folder`."""
    entries = []
    for record in folder.glob(f"??/*{RECORD}"):
        with contextlib.suppress(FileNotFoundError):  # evicted in the meantime by another process
            stat = record.stat()
            tensors = record.with_suffix(TENSORS)
            size = stat.st_size + (tensors.stat().st_size if tensors.exists() else 0)
            entries.append(Usage(record.stem, size, stat.st_mtime))
    return entries
