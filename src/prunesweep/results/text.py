"""Figures as text for people: percentages, times, numbers of things."""

from __future__ import annotations


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
