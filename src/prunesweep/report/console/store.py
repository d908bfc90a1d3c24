"""The output of `prunesweep store`: the size of the store and its largest chains."""

from __future__ import annotations

import time
from pathlib import Path

from rich.table import Table

from prunesweep.report.console.text import console, plain, say
from prunesweep.results.text import percent
from prunesweep.store.entries import usage
from prunesweep.store.listing import Chain, chains
from prunesweep.store.tally import Tally

MAX_ROWS = 10


def size(count: int) -> str:
    """Format a number of bytes: 1234567 becomes `1.2 MB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def summary(folder: Path) -> str:
    """Describe the store `folder` in one line: its size, its entries, and the share of steps that runs found in it."""
    entries = usage(folder)
    tally = Tally.read(folder)
    steps = tally.cached + tally.computed
    rate = percent(tally.cached / steps, 1) if steps else "unknown"
    return (
        f"{folder}: {size(sum(entry.size for entry in entries))} in {len(entries):,} entries; "
        f"hit rate {rate} ({tally.cached:,} of {steps:,} steps)"
    )


def row(chain: Chain, now: float) -> tuple[str, ...]:
    """Return the cells of a chain: network, pruning, last step, number of steps, size, and last use."""
    network = chain.network or "evicted"
    return (network, chain.pruning, chain.last, str(chain.steps), size(chain.size), _age(now - chain.used))


def _age(seconds: float) -> str:
    for unit, duration in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= duration:
            return f"{seconds / duration:.0f} {unit} ago"
    return "just now"


def show(folder: Path) -> None:
    """Print a summary of the store `folder` and its largest chains."""
    listed = chains(folder)
    out = console()
    say(summary(folder))
    if not listed:
        return
    title = f"The largest chains of {len(listed):,}. Steps that several chains share count in each."
    table = Table("network", "pruning", "last step", "steps", "size", "used", title=title, title_justify="left")
    for chain in listed[:MAX_ROWS]:
        table.add_row(*map(plain, row(chain, time.time())))
    out.print(table)
