"""`prunesweep reproduce`: a saved config again, compared with its results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from prunesweep.cli.arguments import add_files, add_run_directory, add_trust, files_of, is_trusted, print_notes
from prunesweep.cli.verb import Verb
from prunesweep.errors import check_range


def _add_options(verb: argparse.ArgumentParser) -> None:
    add_run_directory(verb)
    verb.add_argument(
        "--out", type=Path, metavar="DIR", help="the new run directory (default: a new one below outputs/)"
    )
    verb.add_argument(
        "--use-store",
        nargs="?",
        const="",
        metavar="DIR",
        help="rely on finished steps and scores in your store, or in the store DIR (default: compute all)",
    )
    verb.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="T",
        help="accept differences of up to T, absolute or relative, in each score and loss; weights and masks may then "
        "differ, but not their number (default: 0)",
    )
    add_files(verb)
    add_trust(verb, "allow the saved config to import code and to read files that it names")


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.experiment.reproduce import reproduce
    from prunesweep.experiment.saved import completed_run, load_config
    from prunesweep.report.console.progress import progress
    from prunesweep.store.settings import StoreSettings

    check_range("--tolerance", options.tolerance, 0)
    run = completed_run(options.run)
    config, notes = load_config(run, files_of(options), trust=is_trusted(options))
    print_notes(notes)
    store = None if options.use_store is None else StoreSettings(dir=options.use_store or None)
    repetition, comparison = reproduce(run, config, options.out, store, progress)
    print("\n".join(comparison.lines(options.tolerance)))
    if store is not None:
        result = repetition.result
        print(
            f"This relies on the store {store.folder}: {result['steps_cached']} of {result['steps_total']} steps were "
            "not computed again, nor were scores that it contains. Without --use-store, all are computed."
        )
    print(f"{run.folder} -> {repetition.folder}", file=sys.stderr)
    return 0 if comparison.within(options.tolerance) else 1


VERB = Verb(
    "reproduce",
    "run a saved config again and compare the results",
    "prunesweep reproduce multirun/2026-11-24/12-00-00/2 (exit code 0 only if the results are identical)",
    _add_options,
    _execute,
)
