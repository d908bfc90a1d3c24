"""Counts over all runs of a store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import Timeout

from prunesweep.files import canonical, parse_json, read_regular, write_atomically
from prunesweep.store.entries import LOCK, create
from prunesweep.store.locks import file_lock

TALLY = "tally.json"
MAX_TALLY = 4_096
"""The largest size in bytes of the file of a tally."""
MAX_COUNT = 2**63
BUSY_AFTER = 0.2
"""The number of seconds that an update waits for the update of another run."""


@dataclass(frozen=True)
class Tally:
    """Counts over all runs of a store, so that a run does not need to scan all entries.

    Approximate: runs that were killed are not counted, nor are runs that found the tally locked by another process.

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
            counts = parse_json(read_regular(folder / TALLY, MAX_TALLY))
            if all(type(count) is int and 0 <= count < MAX_COUNT for count in counts.values()):
                return cls(**counts)
        except (OSError, ValueError, TypeError, AttributeError):
            pass
        return cls()

    @staticmethod
    def update(folder: Path, change: Callable[[Tally], Tally]) -> Tally | None:
        """Replace the tally of the store `folder` by `change` of it, under a lock, and return the new tally.

        Returns None, without a change, if another process holds the lock: a run never waits to be counted.
        """
        create(folder)
        try:
            with file_lock((folder / TALLY).with_suffix(LOCK)).acquire(timeout=BUSY_AFTER, poll_interval=0.01):
                tally = change(Tally.read(folder))
                write_atomically(folder / TALLY, canonical(asdict(tally)), durable=False)
                return tally
        except Timeout:
            return None
