"""What each verb of the command provides."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """A verb.

    Attributes:
        name: The verb.
        summary: What it does, for the list of verbs. Begins with a small letter.
        example: A command, for its help.
        add_options: Adds its arguments to a parser.
        execute: Executes it and returns the exit code. Imports what it needs, so that `--help` does not wait for torch.
    """

    name: str
    summary: str
    example: str
    add_options: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace], int]
