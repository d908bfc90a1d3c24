"""Text for the terminal: the console, figures as percentages, and values without escape sequences."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from prunesweep.errors import printable

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


def percent(fraction: float, digits: int = 2) -> str:
    """Format a fraction as a percentage: 0.98765 becomes `98.77 %`."""
    return f"{100 * fraction:.{digits}f} %"


def cut(fraction: float, digits: int = 2) -> str:
    """Format a reduction as a negative percentage: 0.1992 becomes `-19.92 %`, and 0 becomes `0.00 %`."""
    return percent(0.0 - fraction, digits)
