"""Arguments that several verbs have."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prunesweep.errors import UsageError, printable

if TYPE_CHECKING:
    from prunesweep.experiment.saved import Files


def sweeps_of(options: argparse.Namespace) -> list[Path]:
    """Return the sweep directories, each once.

    Raises:
        UsageError: One of them does not contain a run.
    """
    from prunesweep.results.run_directory import run_folders

    sweeps = list(dict.fromkeys(sweep.resolve() for sweep in options.sweep))
    for sweep in sweeps:
        if next(run_folders(sweep), None) is None:
            raise UsageError(
                f"{sweep}: does not contain a run. Give the directory of a sweep, such as multirun/2026-11-24/12-00-00."
            )
    return sweeps


def add_run_directory(verb: argparse.ArgumentParser) -> None:
    """Add the argument RUN_DIR."""
    verb.add_argument(
        "run", type=Path, metavar="RUN_DIR", help="a run directory, such as multirun/2026-11-24/12-00-00/2"
    )


def add_files(verb: argparse.ArgumentParser) -> None:
    """Add the options for files of this machine that a saved config names."""
    add_root(verb)
    verb.add_argument("--weights", metavar="FILE", help="the file of given weights, like model.weights")


def add_root(verb: argparse.ArgumentParser) -> None:
    """Add the option --root."""
    verb.add_argument("--root", metavar="PATH", help="the folder or file of the data, like dataset.root")


def files_of(options: argparse.Namespace) -> Files:
    """Return the files that the options of `add_files` give."""
    from prunesweep.experiment.saved import Files

    return Files(options.root, options.weights)


def add_trust(verb: argparse.ArgumentParser, summary: str) -> None:
    """Add the option --trust."""
    verb.add_argument("--trust", action="store_true", help=summary)


def is_trusted(options: argparse.Namespace) -> bool:
    """Return whether --trust was given, and if so, make the user's modules importable."""
    if options.trust:
        sys.path.insert(0, "")  # run.py also imports the user's modules from the working directory
    return bool(options.trust)


def print_notes(notes: Iterable[str]) -> None:
    """Print notes to standard error."""
    for note in notes:
        print(f"note: {printable(note, lines=True)}", file=sys.stderr)
