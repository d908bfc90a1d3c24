"""Keep a store within its size limit: the least recently used entries are evicted.

A run touches all steps of its chain, so that chains are evicted as a whole. Within a chain, the last steps are evicted
first, because other chains may share the first ones. Steps that an active run uses are never evicted.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from prunesweep.errors import UsageError
from prunesweep.store.entries import DAMAGED, LOCK, RECORD, RUNNING, TENSORS, entry_path, usage
from prunesweep.store.tally import TALLY, Tally

if TYPE_CHECKING:
    from prunesweep.store.store import Store

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SCAN_EVERY = 50
"""The number of runs after which all entries are scanned, because the tally misses what killed runs wrote."""
ABANDONED_AFTER = 3600.0
"""The age in seconds at which a file without an entry is taken for that of a killed process."""


def parse_size(text: str) -> int:
    """Return the number of bytes: `1.5GB` is 1,500,000,000.

    Raises:
        UsageError: `text` is not a size.
    """
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([A-Za-z]*)", text.strip())
    if not match or match[2].upper() not in UNITS:
        raise UsageError(f"{text}: must be a size like 500MB or 1.5GB.")
    return int(float(match[1]) * UNITS[match[2].upper()])


def keep_within(store: Store, limit: int, cached: int, computed: int) -> None:
    """Count a finished run, and evict entries if the store is larger than `limit` bytes.

    The size comes from the tally. All entries are scanned only if the tally exceeds the limit, or after `SCAN_EVERY`
    runs: with ten thousand entries, a scan takes as long as a small run.

    Args:
        store: the store of the run.
        limit: the size limit in bytes.
        cached: the number of steps that the run found in the store.
        computed: the number of steps that the run computed.
    """
    tally = store.count_run(cached, computed)
    if tally is not None and store.written and (tally.size > limit or tally.runs >= SCAN_EVERY):
        assert store.folder is not None
        with store.writing():
            shrink(store.folder, limit)


def shrink(folder: Path, limit: int) -> int:
    """Evict entries until the rest needs at most `limit` bytes, or is in use. Return the number of bytes freed."""
    remove_leftovers(folder)
    entries = usage(folder)
    size, freed = sum(entry.size for entry in entries), 0
    in_use = digests_in_use(folder) if size > limit else set()
    for entry in sorted(entries, key=lambda entry: entry.used):
        if size - freed <= limit:
            break
        if entry.digest not in in_use:
            remove(folder, entry.digest)
            freed += entry.size
    Tally.update(folder, lambda tally: replace(tally, size=size - freed, runs=0))
    return freed


def clear(folder: Path) -> int:
    """Remove every entry that is not in use, damaged entries and the tally. Return the number of bytes freed."""
    freed = shrink(folder, 0)
    if (folder / DAMAGED).is_dir():
        shutil.rmtree(folder / DAMAGED)
    (folder / TALLY).unlink(missing_ok=True)
    return freed


def remove(folder: Path, digest: str) -> None:
    """Remove an entry. Its record is removed first, so that no partial entry remains."""
    for suffix in (RECORD, TENSORS, LOCK):
        entry_path(folder, digest, suffix).unlink(missing_ok=True)


def digests_in_use(folder: Path) -> set[str]:
    """Return the digests that active runs use, and remove the lists of dead processes."""
    digests: set[str] = set()
    for lock in (folder / RUNNING).glob(f"*{LOCK}"):
        record = lock.with_suffix(RECORD)
        try:
            with FileLock(lock, timeout=0):
                record.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
        except Timeout:  # an active run holds the lock
            with contextlib.suppress(FileNotFoundError, ValueError):  # it has not written its list yet
                digests.update(json.loads(record.read_bytes()))
    return digests


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left behind: temporary files, and tensors without a record."""
    oldest = time.time() - ABANDONED_AFTER
    for path in folder.glob("*/*"):
        orphan = path.suffix == TENSORS and not path.with_suffix(RECORD).exists()
        with contextlib.suppress(FileNotFoundError):
            if (path.name.startswith(".") or orphan) and path.stat().st_mtime < oldest:
                path.unlink()
