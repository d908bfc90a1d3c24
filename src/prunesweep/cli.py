"""The `prunesweep` command: what is done with runs that are there already."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prunesweep.errors import UsageError

DESCRIPTION = "What is done with runs that are there already. Runs and sweeps are started by run.py."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    parser = argparse.ArgumentParser(prog="prunesweep", description=DESCRIPTION)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    report = verbs.add_parser("report", help="print the table of a sweep and write its results.csv")
    report.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a directory below multirun/")
    report.set_defaults(verb=_report)

    confirm = verbs.add_parser("confirm", help="train a search's Pareto set again on fresh seeds")
    confirm.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="the directory of a search, like multirun/NAME")
    confirm.add_argument("--seeds", type=int, default=5, metavar="N", help="how many (default 5)")
    confirm.set_defaults(verb=_confirm)

    store = verbs.add_parser("store", help="what is stored of finished steps, and how large it is")
    store.add_argument("--dir", help="the store's folder, as in store.dir; default: the one in your cache directory")
    action = store.add_mutually_exclusive_group()
    action.add_argument("--prune", metavar="SIZE", help="evict what was used longest ago, down to SIZE (like 1GB)")
    action.add_argument("--clear", action="store_true", help="remove all of it")
    action.add_argument("--verify", action="store_true", help="check every entry; exit code 1 if one was damaged")
    store.set_defaults(verb=_store)

    chosen = parser.parse_args(arguments)
    try:
        code: int = chosen.verb(chosen)
    except UsageError as error:
        print(f"prunesweep: {error}", file=sys.stderr)
        return 1
    return code


def _report(chosen: argparse.Namespace) -> int:
    from prunesweep.report.terminal import conclude

    for sweep in chosen.sweep:
        if next(sweep.glob("**/.hydra"), None) is None:
            raise UsageError(
                f"{sweep}: holds no run. Give the directory of a sweep, like multirun/2026-11-24/12-00-00."
            )
        conclude(sweep)
    return 0


def _confirm(chosen: argparse.Namespace) -> int:
    from prunesweep.confirm import TABLE, confirm, show

    show(confirm(chosen.sweep, chosen.seeds))
    print(chosen.sweep / TABLE)
    return 0


def _store(chosen: argparse.Namespace) -> int:
    from prunesweep import upkeep
    from prunesweep.report.storage import show, size
    from prunesweep.store import StoreSettings

    folder = StoreSettings(dir=chosen.dir).folder
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no store. Runs make one; --dir names one that lies elsewhere.")
    if chosen.prune is not None:
        print(f"{size(upkeep.shrink(folder, upkeep.parse_size(chosen.prune)))} freed")
    elif chosen.clear:
        print(f"{size(upkeep.clear(folder))} freed")
    elif chosen.verify:
        count, damaged = upkeep.verify(folder)
        print(f"{count:,} entries, {len(damaged)} damaged" + (", set aside" if damaged else ""))
        return 1 if damaged else 0
    show(folder)
    return 0
