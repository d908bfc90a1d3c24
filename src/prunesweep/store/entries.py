"""digest -> what a step left behind: tensors as safetensors, and a JSON record that commits them.

An entry is two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written under another name, flushed to the
disk and renamed, the tensors first: an entry exists once its record does. The record carries a checksum of itself and
of the tensors; what does not match is reported, set aside in `damaged/`, and computed anew. Never pickle.

Any number of processes may use one store. Who computes a step holds its lock; the operating system releases the locks
of a process that dies. A store that cannot be written to is only read: the run goes on, and says so once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from prunesweep.files import canonical, sha256

Record = dict[str, Any]
RECORD, TENSORS, LOCK = ".json", ".safetensors", ".lock"
DAMAGED, RUNNING, TALLY = "damaged", "running", "tally.json"


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
            ValueError, TypeError, RecursionError: the content is not one, or not, to the byte, as it was written.
        """
        fields = json.loads(content)
        if not isinstance(fields, dict) or fields.pop("checksum", None) != sha256(canonical(fields)):
            raise ValueError("its checksum does not match")
        entry = cls(**fields)
        if entry.signed() != content:  # the same values in other bytes: a flipped letter case in 1e-05, say
            raise ValueError("it is not as it was written")
        return entry
