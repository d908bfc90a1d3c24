"""`prunesweep report`: the table, the figure and the web page of sweeps."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunesweep.cli.arguments import sweeps_of
from prunesweep.cli.verb import Verb
from prunesweep.errors import UsageError


def _add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a sweep directory below multirun/")
    verb.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="output directory (default: SWEEP_DIR, or ./report for several sweeps)",
    )


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.report.console.terminal import conclude

    sweeps = sweeps_of(options)
    out: Path = options.out or (sweeps[0] if len(sweeps) == 1 else Path("report"))
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out={out}: is a file. Give a directory, which is created if it does not exist.")
    conclude(sweeps, out)
    return 0


VERB = Verb(
    "report",
    "write the table, the figure and the web page of one or several sweeps",
    "prunesweep report multirun/2026-11-24/12-00-00",
    _add_options,
    _execute,
)
