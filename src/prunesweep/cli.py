"""The `prunesweep` command: what is done with runs that are there already."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prunesweep.errors import UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    parser = argparse.ArgumentParser(
        prog="prunesweep",
        description="What is done with runs that are there already. Runs and sweeps are started by run.py.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    report = verbs.add_parser("report", help="print the table of a sweep and write its results.csv")
    report.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a directory below multirun/")
    chosen = parser.parse_args(arguments)
    try:
        for sweep in chosen.sweep:
            _report(sweep)
    except UsageError as error:
        print(f"prunesweep: {error}", file=sys.stderr)
        return 1
    return 0


def _report(sweep: Path) -> None:
    from prunesweep.report.terminal import conclude

    if next(sweep.glob("**/.hydra"), None) is None:
        raise UsageError(f"{sweep}: holds no run. Give the directory of a sweep, like multirun/2026-11-24/12-00-00.")
    conclude(sweep)
