"""`prunesweep evaluate`: the accuracy of an exported file."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunesweep.cli.arguments import add_root, add_trust, is_trusted, print_notes
from prunesweep.cli.verb import Verb


def _add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, metavar="FILE", help="a file written by `prunesweep export`")
    verb.add_argument("--dataset", metavar="NAME", help="data set (default: the one the network was trained on)")
    add_root(verb)
    verb.add_argument("--split", default="test", metavar="SPLIT", help="train, validation or test (default: test)")
    add_trust(verb, "allow the file to execute code: a .pt2 program, a C file, or a custom network")


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.export.evaluate import evaluate
    from prunesweep.results.text import percent

    accuracy, notes = evaluate(options.file, options.dataset, options.root, options.split, trust=is_trusted(options))
    print_notes(notes)
    print(
        f"{percent(accuracy.fraction)}: {accuracy.correct:,} of {accuracy.total:,} images of the {options.split} split"
    )
    return 0


VERB = Verb(
    "evaluate",
    "measure the accuracy of an exported file",
    "prunesweep evaluate model.csr.safetensors --split validation",
    _add_options,
    _execute,
)
