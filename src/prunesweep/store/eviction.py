"""Keep a store within its size limit: the least recently used entries are evicted.

A run touches all steps of its chain, so that chains are evicted as a whole. Within a chain, the last steps are evicted
first, because other chains may share the first ones. Steps that an active run uses are never evicted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from prunesweep.errors import UsageError
from prunesweep.files import parse_json, read_regular
from prunesweep.store.costs import COSTS
from prunesweep.store.entries import (
    DAMAGED,
    LOCK,
    MAX_RECORD,
    OWNER,
    RECORD,
    RUNNING,
    SUBFOLDERS,
    TENSORS,
    entry_path,
    usage,
)
from prunesweep.store.tally import TALLY, Tally

if TYPE_CHECKING:
    from prunesweep.store.store import Store

log = logging.getLogger(__name__)

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SCAN_EVERY = 50
"""The number of runs after which all entries are scanned, because the tally misses what killed runs wrote."""
ABANDONED_AFTER = 3600.0
"""The age in seconds at which a file without an entry is taken for that of a killed process."""
ENTRY_FILE = re.compile(r"[0-9a-f]{64}\.(json|safetensors)")
"""The names of the files of an entry."""
LEFTOVER = re.compile(r"([0-9a-f]{64})\.(?:safetensors|owner)|\.([0-9a-f]{32,64})\.[a-z]+-[0-9a-f]{32}")
"""The names of files that a killed process can leave behind: tensors, the owner of a lock, and temporary files."""


def parse_size(text: str) -> int:
    """Return the number of bytes: `1.5GB` is 1,500,000,000.

    Raises:
        UsageError: `text` is not a size.
    """
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([A-Za-z]*)", text.strip())
    if not match or match[2].upper() not in UNITS:
        raise UsageError(f"{text}: must be a size like 500MB or 1.5GB.")
    return int(float(match[1]) * UNITS[match[2].upper()])


def keep_within(store: Store, limit: float, cached: int, computed: int) -> None:
    """Count a finished run, and evict entries if the store is larger than `limit` bytes.

    The size comes from the tally. All entries are scanned only if the tally exceeds the limit, or after `SCAN_EVERY`
    runs: with ten thousand entries, a scan takes as long as a small run.

    Any error is only logged: the result of the run does not depend on it.

    Args:
        store: the store of the run.
        limit: the size limit in bytes.
        cached: the number of steps that the run found in the store.
        computed: the number of steps that the run computed.
    """
    try:
        tally = store.count_run(cached, computed)
        if tally is not None and store.written and (tally.size > limit or tally.runs >= SCAN_EVERY):
            assert store.folder is not None
            with store.writing():
                shrink(store.folder, limit)
    except Exception as error:
        log.warning("The size of the store %s was not checked (%s: %s).", store.folder, type(error).__name__, error)


def shrink(folder: Path, limit: float) -> int:
    """Evict entries until the rest needs at most `limit` bytes, or is in use. Return the number of bytes freed.

    Raises:
        OSError: an entry cannot be removed. All others have been.
    """
    in_use = digests_in_use(folder)
    remove_leftovers(folder, in_use)
    entries = usage(folder)
    size, freed, failure = sum(entry.size for entry in entries), 0, None
    for entry in sorted(entries, key=lambda entry: entry.used):
        if size - freed <= limit:
            break
        if entry.digest not in in_use:
            try:
                remove(folder, entry.digest)
            except OSError as error:
                failure = error
            else:
                freed += entry.size
    Tally.update(folder, lambda tally: replace(tally, size=size - freed, runs=0))
    if failure:
        raise failure
    return freed


def clear(folder: Path) -> int:
    """Remove every entry that is not in use, damaged entries, and all counts and costs. Return the bytes freed."""
    freed = shrink(folder, 0)
    for path in (folder / DAMAGED).glob("*"):
        if ENTRY_FILE.fullmatch(path.name):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it does not exist, or contains other files
        (folder / DAMAGED).rmdir()
    for name in (TALLY, COSTS):
        (folder / name).unlink(missing_ok=True)
    return freed


def remove(folder: Path, digest: str) -> None:
    """Remove an entry. Its record is removed first, so that no partial entry remains."""
    for suffix in (RECORD, TENSORS, LOCK, OWNER):
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
        except OSError:  # an active run holds the lock, or it belongs to another user
            with contextlib.suppress(OSError, ValueError, TypeError):  # the list is not written yet
                digests.update(parse_json(read_regular(record, MAX_RECORD)))
    return digests


def remove_leftovers(folder: Path, in_use: set[str]) -> None:
    """Remove old files that killed processes left behind. A file of a step in `in_use` may just be being written."""
    oldest = _now(folder) - ABANDONED_AFTER
    for subfolder in (SUBFOLDERS, RUNNING):
        for path in folder.glob(f"{subfolder}/*"):
            match = LEFTOVER.fullmatch(path.name)
            if match and (match[1] or match[2]) not in in_use and not _has_record(path, match[1]):
                with contextlib.suppress(FileNotFoundError):
                    if path.lstat().st_mtime < oldest:
                        path.unlink()


def _has_record(path: Path, digest: str | None) -> bool:
    return digest is not None and path.with_suffix(RECORD).exists()


def _now(folder: Path) -> float:
    """Return the time of the file system of `folder`, which can differ from the time of this machine."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime
