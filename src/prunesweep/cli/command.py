"""The command line: its verbs, and the messages and exit codes of errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from prunesweep.cli import bench, compare, confirm, evaluate, export, report, reproduce, store
from prunesweep.errors import UsageError, check_choice, printable
from prunesweep.process import CONTINUE, Interrupts, exit_with_message

VERBS = tuple(each.VERB for each in (report, compare, confirm, reproduce, export, evaluate, bench, store))
"""All verbs but `run`, whose arguments Hydra reads."""

DESCRIPTION = "Start runs and sweeps; report, compare, confirm, reproduce and export finished ones."
EPILOG = "`prunesweep VERB --help` describes a verb and shows an example."


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute one verb and return the exit code.

    Args:
        arguments: The verb and its options. By default those of the command line, and then the process exits.
    """
    if arguments is None:
        interrupts = Interrupts()
        with exit_with_message(interrupts, CONTINUE if sys.argv[1:2] == ["run"] else "To start again, run:"):
            sys.exit(main(sys.argv[1:]))
    if arguments[:1] in (["run"], ["-sc"]):
        return _run(arguments)
    parser = argparse.ArgumentParser(prog="prunesweep", description=DESCRIPTION, epilog=EPILOG)
    verbs = parser.add_subparsers(required=True, metavar="VERB", title="verbs")
    verbs.add_parser("run", help="run an experiment, or with -m a sweep: prunesweep run -m prune.amount=0.1,0.2,0.5")
    for verb in VERBS:
        description = f"{verb.summary[0].upper()}{verb.summary[1:]}."
        added = verbs.add_parser(
            verb.name, help=verb.summary, description=description, epilog=f"example: {verb.example}"
        )
        verb.add_options(added)
        added.set_defaults(execute=verb.execute)
    try:
        if arguments and not arguments[0].startswith("-"):
            check_choice("VERB", arguments[0], verbs.choices)
        options = parser.parse_args(arguments)
        code: int = options.execute(options)
    except (UsageError, ArithmeticError, OSError) as error:  # includes diverged training and read-only folders
        print(f"prunesweep: {printable(error, lines=True)}", file=sys.stderr)
        return 1
    return code


def _run(arguments: Sequence[str]) -> int:
    from prunesweep.api.run import command, complete

    if arguments[0] == "run":
        command(arguments[1:])
    else:
        complete(arguments)
    return 0
