"""Text for the terminal: the console, formatted figures, and values without escape sequences."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from prunesweep.errors import printable
from prunesweep.pruning.settings import DEFAULT_AMOUNT, Pruning

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


def percent(fraction: float, digits: int = 2) -> str:
    """Format a fraction as a percentage: 0.98765 becomes `98.77 %`."""
    return f"{100 * fraction:.{digits}f} %"


def cut(fraction: float, digits: int = 2) -> str:
    """Format a reduction as a negative percentage: 0.1992 becomes `-19.92 %`, and 0 becomes `0.00 %`."""
    return percent(0.0 - fraction, digits)


def duration(seconds: float) -> str:
    """Format a time: 100 becomes `1 min 40 s`, and 7500 becomes `2 h 5 min`."""
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(round(seconds / 60), 60) if whole >= 3600 else (0, minutes)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def counted(count: int, noun: str) -> str:
    """Format a number of things: `1 run`, `1,200 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def default_amount_used(settings: Sequence[Pruning]) -> str:
    """Return the note on runs for which no amount is set."""
    some = any(each.per_layer for each in settings)
    where = "each selected layer that prune.per_layer does not name" if some else "the selected weights"
    return f"prune.amount is not set: pruning {percent(DEFAULT_AMOUNT, 0)} of {where}, the default."
