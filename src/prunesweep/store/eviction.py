"""The store as a whole: how large it is, what goes when it is too large, whether it is sound.

What was used longest ago goes first. A run touches all steps of its chain, so chains go as wholes; within one the last
steps go first, since many chains may begin as it does. What a run under way is using stays.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from prunesweep.errors import UsageError
from prunesweep.store.entries import (
    DAMAGED,
    LOCK,
    RECORD,
    RUNNING,
    TALLY,
    TENSORS,
)
from prunesweep.store.store import Store
from prunesweep.store.tally import Tally

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
MEASURE_EVERY = 50  # runs
ABANDONED = 3600.0  # seconds after which a file that belongs to no entry is taken for a killed process's


@dataclass(frozen=True)
class Usage:
    """What one entry takes on the disk, and when it was last used."""

    digest: str
    size: int
    used: float


def parse_size(text: str) -> int:
    """`1.5GB` -> 1500000000 (bytes).

    Raises:
        UsageError: it is no size.
    """
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([A-Za-z]*)", text.strip())
    if not match or match[2].upper() not in UNITS:
        raise UsageError(f"{text}: must be a size like 500MB or 1.5GB.")
    return int(float(match[1]) * UNITS[match[2].upper()])


def usage(folder: Path) -> list[Usage]:
    """All entries of the store in `folder`."""
    found = []
    for record in folder.glob(f"??/*{RECORD}"):
        with contextlib.suppress(FileNotFoundError):  # another process has just evicted it
            stat = record.stat()
            tensors = record.with_suffix(TENSORS)
            size = stat.st_size + (tensors.stat().st_size if tensors.exists() else 0)
            found.append(Usage(record.stem, size, stat.st_mtime))
    return found


def shrink(folder: Path, limit: int) -> int:
    """Evict entries until the rest takes at most `limit` bytes, or only what is in use is left; the bytes freed."""
    sweep_up(folder)
    entries = usage(folder)
    size, freed = sum(entry.size for entry in entries), 0
    kept = protected(folder) if size > limit else set()
    for entry in sorted(entries, key=lambda entry: entry.used):
        if size - freed <= limit:
            break
        if entry.digest not in kept:
            remove(folder, entry.digest)
            freed += entry.size
    Tally.update(folder, lambda before: replace(before, size=size - freed, runs=0))
    return freed


def keep_within(store: Store, limit: int, cached: int, computed: int) -> None:
    """Count the steps of a run that is done; evict what was used longest ago where the store has grown over `limit`.

    The whole store is looked through when the count says so, and every so often, since what killed runs wrote is in
    no count: with ten thousand entries that takes as long as a small run.
    """
    tally = store.tally(cached, computed)
    if tally is not None and store.written and (tally.size > limit or tally.runs >= MEASURE_EVERY):
        assert store.folder is not None
        with store.writing():
            shrink(store.folder, limit)


def remove(folder: Path, digest: str) -> None:
    """Remove one entry, its record first, so that it is never half there."""
    for suffix in (RECORD, TENSORS, LOCK):
        (folder / digest[:2] / f"{digest}{suffix}").unlink(missing_ok=True)


def protected(folder: Path) -> set[str]:
    """The digests that runs under way are using. What a dead process left behind is removed."""
    digests: set[str] = set()
    for lock in (folder / RUNNING).glob(f"*{LOCK}"):
        record = lock.with_suffix(RECORD)
        try:
            with FileLock(lock, timeout=0):
                record.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
        except Timeout:
            with contextlib.suppress(FileNotFoundError, ValueError):  # it is just starting, or was cut off by a crash
                digests.update(json.loads(record.read_bytes()))
    return digests


def sweep_up(folder: Path) -> None:
    """Remove what killed processes left: temporary files, tensors without a record."""
    old = time.time() - ABANDONED
    for path in folder.glob("*/*"):
        orphan = path.suffix == TENSORS and not path.with_suffix(RECORD).exists()
        with contextlib.suppress(FileNotFoundError):
            if (path.name.startswith(".") or orphan) and path.stat().st_mtime < old:
                path.unlink()


def clear(folder: Path) -> int:
    """Remove every entry that no run is using, whatever its age; the bytes freed."""
    freed = shrink(folder, 0)
    for leftover in (DAMAGED, TALLY):
        path = folder / leftover
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return freed


def verify(folder: Path) -> tuple[int, list[str]]:
    """Read every entry; how many there are, and the digests of those that were damaged and are set aside now."""
    store, damaged = Store(folder), []
    entries = usage(folder)
    for entry in entries:
        record = store.entry(entry.digest)
        if record is None or (record.tensors and store.load(entry.digest) is None):
            damaged.append(entry.digest)
    return len(entries), damaged
