"""The stored chains, for people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from prunesweep.store.entries import Damaged, Entry, Usage, read_entry, usage


@dataclass(frozen=True)
class Chain:
    """A stored chain of steps.

    Attributes:
        network: the summary of the first step, such as `lenet5, seed 0`. Empty if the first step was evicted.
        pruning: the summary of the last step that prunes, or an empty string.
        last: the summary of the last step.
        steps: the number of steps.
        size: the size of all steps in bytes.
        used: the time of the last use, in seconds since the epoch.
    """

    network: str
    pruning: str
    last: str
    steps: int
    size: int
    used: float


def chains(folder: Path) -> list[Chain]:
    """Return the chains that no other stored chain continues, largest first.

    A step that several chains share counts in each of them.
    """
    sizes = {each.digest: each for each in usage(folder)}
    states = {entry.digest: entry for entry in _read(folder, sizes) if entry.tensors}
    parents = {entry.parent for entry in states.values()}
    found = [_chain(list(_backwards(states, last)), sizes) for last in states.keys() - parents]
    return sorted(found, key=lambda chain: (-chain.size, -chain.used))


def _read(folder: Path, digests: Iterable[str]) -> Iterator[Entry]:
    """Yield the entries that can be read, without their longest fields, which can need more memory than there is."""
    for digest in digests:
        with contextlib.suppress(OSError, Damaged):  # evicted in the meantime, or `--verify` reports it
            yield replace(read_entry(folder, digest), step={}, record={})


def _backwards(states: dict[str, Entry], digest: str) -> Iterator[Entry]:
    """Yield the entry `digest` and all stored entries before it. Damaged entries can form a circle: each once."""
    visited: set[str] = set()
    while digest in states and digest not in visited:
        visited.add(digest)
        yield states[digest]
        digest = states[digest].parent


def _chain(entries: list[Entry], sizes: dict[str, Usage]) -> Chain:
    """Return the chain of `entries`, whose last step comes first."""
    last, first = entries[0], entries[-1]
    return Chain(
        network=first.summary if first.kind == "init" else "",
        pruning=next((entry.summary for entry in entries if entry.kind == "prune"), ""),
        last=last.summary,
        steps=len(entries),
        size=sum(sizes[entry.digest].size for entry in entries),
        used=sizes[last.digest].used,
    )
