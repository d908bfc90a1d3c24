"""digest -> what a step left behind: tensors as safetensors, and a JSON record that commits them.

An entry is two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written under another name, flushed to the
disk and renamed, the tensors first: an entry exists once its record does. The record carries a checksum of itself and
of the tensors; what does not match is reported, set aside in `damaged/`, and computed anew. Never pickle.

Any number of processes may use one store. Who computes a step holds its lock; the operating system releases the locks
of a process that dies. A store that cannot be written to is only read: the run goes on, and says so once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from prunesweep.files import canonical, write_atomically
from prunesweep.store.entries import LOCK, TALLY


@dataclass(frozen=True)
class Tally:
    """What is counted over all runs of a store, so that no run has to look through all of it.

    Attributes:
        cached: steps that runs found in it.
        computed: steps that it lacked.
        size: bytes that its entries take: those measured last, and those written since.
        runs: how many runs have written since `size` was measured. One that was killed is in neither.
    """

    cached: int = 0
    computed: int = 0
    size: int = 0
    runs: int = 0

    @classmethod
    def of(cls, folder: Path) -> Tally:
        """The tally of the store in `folder`; all zero where there is none."""
        try:
            return cls(**{name: int(count) for name, count in json.loads((folder / TALLY).read_bytes()).items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    @staticmethod
    def update(folder: Path, change: Callable[[Tally], Tally]) -> Tally:
        """The tally after `change`, which no other process changes meanwhile."""
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock((folder / TALLY).with_suffix(LOCK)):
            tally = change(Tally.of(folder))
            write_atomically(folder / TALLY, canonical(asdict(tally)), durable=False)
            return tally
