"""`prunesweep compare`: which method is better."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunesweep.cli.arguments import sweeps_of
from prunesweep.cli.verb import Verb
from prunesweep.errors import UsageError


def _add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a sweep directory below multirun/")
    verb.add_argument(
        "--by",
        metavar="KEY",
        help="what distinguishes the methods: a setting (prune.criterion), a group (prune, schedule), or `sweep` for "
        "several sweeps, which is the default for these",
    )
    verb.add_argument("--focus", metavar="NAME", help="the method to compare with each other one (default: the first)")
    verb.add_argument("--all-pairs", action="store_true", help="compare every pair of methods")
    verb.add_argument("--split", default="test", metavar="SPLIT", help="test or validation accuracy (default: test)")
    verb.add_argument(
        "--out", nargs="+", type=Path, default=[], metavar="FILE", help="also write FILE.csv, FILE.md or FILE.tex"
    )


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.report.compute.comparison import compare
    from prunesweep.report.compute.gather import gather
    from prunesweep.report.compute.methods import SWEEP, comparable_keys
    from prunesweep.report.console.comparison import show_comparison, write_comparison
    from prunesweep.report.render.comparison import FORMATS, check_file

    for path in options.out:
        check_file(path, list(FORMATS))
    if options.focus is not None and options.all_pairs:
        raise UsageError("--focus --all-pairs: --focus compares one method with the others. Give one of them.")
    sweeps = sweeps_of(options)
    runs = gather(sweeps)
    if not runs.completed:
        raise UsageError(f"{options.sweep[0]}: no run has a result, so nothing can be compared.")
    by = options.by or (SWEEP if len(sweeps) > 1 else None)
    if by is None:
        raise UsageError(f"--by: is missing. Settings that differ: {', '.join(comparable_keys(runs)) or 'none'}.")
    comparison = compare(runs, by, options.focus, all_pairs=options.all_pairs, split=options.split)
    show_comparison(comparison)
    write_comparison(comparison, options.out)
    return 0


VERB = Verb(
    "compare",
    "compare methods, such as criteria, over the seeds and amounts that they have in common",
    "prunesweep compare multirun/mine --by prune --focus l1 --out table.md table.tex table.csv",
    _add_options,
    _execute,
)
