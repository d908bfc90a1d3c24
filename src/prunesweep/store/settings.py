"""The settings of the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prunesweep.errors import check_range


@dataclass
class StoreSettings:
    """Where finished steps are stored, and how much disk space they can use.

    Attributes:
        enabled: whether steps are stored at all.
        dir: the folder of the store. Default: a folder in the user's cache.
        max_gb: the size limit in gigabytes (10^9 bytes). Infinity means no limit.
    """

    enabled: bool = True
    dir: str | None = None
    max_gb: float = 5.0

    def __post_init__(self) -> None:
        check_range("store.max_gb", self.max_gb, 0)

    @property
    def max_bytes(self) -> float:
        """The size limit in bytes."""
        return self.max_gb * 1e9

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        if self.dir:
            return Path(self.dir).expanduser()
        from platformdirs import user_cache_path

        return user_cache_path("prunesweep") / "store"
