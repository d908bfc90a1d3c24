"""Log messages for the terminal."""

from __future__ import annotations

import logging

from prunesweep.errors import printable


class PrintableFormatter(logging.Formatter):
    """Formats messages without escape sequences. Names and values in them may come from other people's files."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), lines=True)
