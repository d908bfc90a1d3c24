"""Counts over all runs of a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from prunesweep.files import canonical, write_atomically
from prunesweep.store.entries import LOCK

TALLY = "tally.json"


@dataclass(frozen=True)
class Tally:
    """Counts over all runs of a store, so that a run does not need to scan all entries.

    Runs that were killed are not counted.

    Attributes:
        cached: the number of steps that runs found in the store.
        computed: the number of steps that runs computed.
        size: the size of all entries in bytes at the last scan, plus the bytes written since then.
        runs: the number of runs that wrote entries since the last scan.
    """

    cached: int = 0
    computed: int = 0
    size: int = 0
    runs: int = 0

    @classmethod
    def read(cls, folder: Path) -> Tally:
        """Return the tally of the store `folder`. All counts are zero if it does not exist or cannot be read."""
        try:
            counts = json.loads((folder / TALLY).read_bytes())
            return cls(**{name: int(count) for name, count in counts.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    @staticmethod
    def update(folder: Path, change: Callable[[Tally], Tally]) -> Tally:
        """Replace the tally of the store `folder` by `change` of it, under a lock, and return the new tally."""
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock((folder / TALLY).with_suffix(LOCK)):
            tally = change(Tally.read(folder))
            write_atomically(folder / TALLY, canonical(asdict(tally)), durable=False)
            return tally
