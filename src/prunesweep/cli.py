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

    report = verbs.add_parser("report", help="table, figure and web page of sweeps, several together")
    report.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a directory below multirun/")
    report.add_argument("--out", type=Path, metavar="DIR", help="default: the sweep itself; for several, report/ here")
    report.set_defaults(verb=_report)

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
    except (UsageError, OSError) as error:  # a folder that cannot be written to, say
        print(f"prunesweep: {error}", file=sys.stderr)
        return 1
    return code


def _report(chosen: argparse.Namespace) -> int:
    from prunesweep.report.terminal import conclude

    sweeps = list(dict.fromkeys(sweep.resolve() for sweep in chosen.sweep))
    for sweep in sweeps:
        if next(sweep.glob("**/.hydra"), None) is None:
            raise UsageError(
                f"{sweep}: holds no run. Give the directory of a sweep, like multirun/2026-11-24/12-00-00."
            )
    out: Path = chosen.out or (sweeps[0] if len(sweeps) == 1 else Path("report"))
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file. Give a directory; it is made where there is none.")
    conclude(sweeps, out)
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
