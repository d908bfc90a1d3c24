"""`prunesweep confirm`: the best trials of a search with new seeds."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunesweep.cli.arguments import add_files, add_trust, files_of, is_trusted
from prunesweep.cli.verb import Verb


def _add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="the directory of a search, such as multirun/NAME")
    verb.add_argument("--seeds", type=int, default=5, metavar="N", help="number of new seeds (default: 5)")
    verb.add_argument(
        "--level",
        type=float,
        default=0.95,
        metavar="P",
        help="confidence level: also train trials whose interval reaches the Pareto set (default: 0.95)",
    )
    verb.add_argument(
        "--most",
        type=int,
        metavar="N",
        help="at most N trials outside of the Pareto set, the nearest first; 0: the set alone (default: all)",
    )
    verb.add_argument("--dry-run", action="store_true", help="print what would be run and how long it takes, and end")
    add_files(verb)
    add_trust(verb, "allow the saved configs to import code and to read files that they name")


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.report.console.progress import progress
    from prunesweep.search.confirm import confirm, describe, plan
    from prunesweep.search.confirmed import TABLE, show

    chosen = plan(
        options.sweep,
        options.seeds,
        files_of(options),
        trust=is_trusted(options),
        level=options.level,
        most=options.most,
    )
    for text in describe(chosen):
        print(text, flush=True)
    if not options.dry_run:
        show(confirm(chosen, progress))
        print(options.sweep / TABLE)
    return 0


VERB = Verb(
    "confirm",
    "train the best trials of a search again with new seeds: its Pareto set and all that may belong to it",
    "prunesweep confirm multirun/tradeoff --seeds 5 --most 10",
    _add_options,
    _execute,
)
