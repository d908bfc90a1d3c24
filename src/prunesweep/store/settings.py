"""digest -> what a step left behind: tensors as safetensors, and a JSON record that commits them.

An entry is two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written under another name, flushed to the
disk and renamed, the tensors first: an entry exists once its record does. The record carries a checksum of itself and
of the tensors; what does not match is reported, set aside in `damaged/`, and computed anew. Never pickle.

Any number of processes may use one store. Who computes a step holds its lock; the operating system releases the locks
of a process that dies. A store that cannot be written to is only read: the run goes on, and says so once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prunesweep.errors import check_range
from prunesweep.store.store import Store

if TYPE_CHECKING:
    pass


@dataclass
class StoreSettings:
    """Where finished steps are kept, and how many gigabytes of them. Without `dir`: a folder in the user's cache."""

    enabled: bool = True
    dir: str | None = None
    max_gb: float = 5.0

    def __post_init__(self) -> None:
        check_range("store.max_gb", self.max_gb, 0)

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        if self.dir:
            return Path(self.dir).expanduser()
        from platformdirs import user_cache_path

        return user_cache_path("prunesweep") / "store"

    def open(self) -> Store:
        """The store that these settings describe."""
        return Store(self.folder if self.enabled else None)
