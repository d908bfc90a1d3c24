"""What `prunesweep store` prints."""

from __future__ import annotations

import time
from pathlib import Path

from rich.table import Table
from rich.text import Text

from prunesweep.report.console.terminal import console, percent
from prunesweep.store.eviction import usage
from prunesweep.store.listing import Chain, chains
from prunesweep.store.tally import Tally

LARGEST = 10


def size(count: int) -> str:
    """1234567 -> `1.2 MB`."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"


def summary(folder: Path) -> str:
    """The store in one line: its size, its entries, how often it had what a run asked for."""
    entries = usage(folder)
    tally = Tally.of(folder)
    asked = tally.cached + tally.computed
    rate = percent(tally.cached / asked, 1) if asked else "none yet"
    return (
        f"{folder}: {size(sum(entry.size for entry in entries))} in {len(entries):,} entries; "
        f"hit rate {rate} ({tally.cached:,} of {asked:,} steps)"
    )


def row(chain: Chain, now: float) -> tuple[str, ...]:
    """A chain: what it begins with, how it was pruned, what it ends with, what it takes, when it was last used."""
    network = (
        f"{chain.first['model']['name']}, seed {chain.first['seed']}" if "model" in chain.first else "beginning evicted"
    )
    pruned = "{amount:g} by {criterion}, {scope}".format(**chain.pruning) if chain.pruning else ""
    last = f"epoch {chain.last['index'] + 1}" if chain.last["step"].endswith("Epoch") else chain.last["step"].lower()
    return (network, pruned, last, str(chain.steps), size(chain.size), _ago(now - chain.used))


def _ago(seconds: float) -> str:
    for unit, one in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= one:
            return f"{seconds / one:.0f} {unit} ago"
    return "just now"


def show(folder: Path) -> None:
    """Print the summary and the largest chains."""
    found = chains(folder)
    out = console()
    out.print(Text(summary(folder)), soft_wrap=True)
    if not found:
        return
    title = f"chains: {len(found):,}, the largest first; steps that several share count in each"
    table = Table("network", "pruned", "last step", "steps", "size", "used", title=title, title_justify="left")
    for chain in found[:LARGEST]:
        table.add_row(*map(Text, row(chain, time.time())))
    out.print(table)
