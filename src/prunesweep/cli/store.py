"""`prunesweep store`: the finished steps."""

from __future__ import annotations

import argparse

from prunesweep.cli.verb import Verb
from prunesweep.errors import UsageError


def _add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--dir", help="the folder of the store, like store.dir (default: a folder in your cache directory)"
    )
    action = verb.add_mutually_exclusive_group()
    action.add_argument("--prune", metavar="SIZE", help="evict the least recently used entries down to SIZE, like 1GB")
    action.add_argument("--clear", action="store_true", help="remove all entries that are not in use")
    action.add_argument("--verify", action="store_true", help="check every entry; exit code 1 if one is damaged")


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.report.console.store import show, size
    from prunesweep.store import eviction
    from prunesweep.store.settings import StoreSettings

    folder = StoreSettings(dir=options.dir).folder
    if not folder.is_dir():
        raise UsageError(f"{folder}: does not exist. Runs create the store; --dir selects another folder.")
    if options.prune is not None:
        print(f"{size(eviction.shrink(folder, eviction.parse_size(options.prune)))} freed")
    elif options.clear:
        print(f"{size(eviction.clear(folder))} freed")
    elif options.verify:
        from prunesweep.store.store import verify

        checked = verify(folder)
        damaged, unreadable = len(checked.damaged), len(checked.unreadable)
        print(
            f"{checked.entries:,} entries, {damaged} damaged"
            + (", set aside" if damaged else "")
            + (f", {unreadable} could not be read" if unreadable else "")
        )
        return 1 if damaged or unreadable else 0
    show(folder)
    return 0


VERB = Verb(
    "store",
    "show, check, shrink or clear the store of finished steps",
    "prunesweep store --prune 1GB",
    _add_options,
    _execute,
)
