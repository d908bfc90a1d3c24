"""Text for the terminal: the console, sentences, and values without escape sequences."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from prunesweep.errors import printable
from prunesweep.pruning.settings import DEFAULT_AMOUNT, Pruning
from prunesweep.results.text import percent

WIDTH_OF_LOG = 160


def console() -> Console:
    """Return a console on standard output. If that is not a terminal, lines may be 160 characters wide."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH_OF_LOG)


def plain(value: object, *, lines: bool = False) -> Text:
    """Return `value` for `console`, without markup and escape sequences. It may come from other people's files.

    Args:
        value: Any value.
        lines: Keep line breaks and tabs. By default the text is on one line.
    """
    return Text(printable(value, lines=lines))


def say(sentence: str) -> None:
    """Print `sentence`. A terminal breaks it between words; in a file it is one line."""
    out = console()
    out.print(plain(sentence), soft_wrap=not out.is_terminal)


def default_amount_used(settings: Sequence[Pruning]) -> str:
    """Return the note on runs for which no amount is set."""
    some = any(each.per_layer for each in settings)
    where = "each selected layer that prune.per_layer does not name" if some else "the selected weights"
    return f"prune.amount is not set: pruning {percent(DEFAULT_AMOUNT, 0)} of {where}, the default."
