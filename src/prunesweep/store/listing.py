"""The store as a whole: how large it is, what goes when it is too large, whether it is sound.

What was used longest ago goes first. A run touches all steps of its chain, so chains go as wholes; within one the last
steps go first, since many chains may begin as it does. What a run under way is using stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prunesweep.store.entries import (
    RECORD,
    Entry,
    Record,
)
from prunesweep.store.eviction import Usage, usage


@dataclass(frozen=True)
class Chain:
    """A stored chain by its last step: that step, the last pruning, the number of steps, the bytes of all of them."""

    first: Record
    last: Record
    pruning: Record | None
    steps: int
    size: int
    used: float


def chains(folder: Path) -> list[Chain]:
    """The chains that no stored chain continues, largest first. Steps that several share count in each."""
    entries = {}
    used = {item.digest: item for item in usage(folder)}
    for digest in used:
        with contextlib.suppress(OSError, ValueError, TypeError):
            entries[digest] = Entry.of((folder / digest[:2] / f"{digest}{RECORD}").read_bytes())
    steps = {digest: entry for digest, entry in entries.items() if entry.tensors}
    parents = {entry.parent for entry in steps.values()}
    found = [_chain(list(_upwards(steps, last)), used) for last in steps.keys() - parents]
    return sorted(found, key=lambda chain: (-chain.size, -chain.used))


def _upwards(steps: dict[str, Entry], digest: str) -> Iterable[Entry]:
    while digest in steps:
        yield steps[digest]
        digest = steps[digest].parent


def _chain(entries: list[Entry], used: dict[str, Usage]) -> Chain:
    size = sum(used[entry.digest].size for entry in entries)
    pruning = next((entry.step["pruning"] for entry in entries if "pruning" in entry.step), None)
    return Chain(entries[-1].step, entries[0].step, pruning, len(entries), size, used[entries[0].digest].used)
