"""A comparison as texts, tables, CSV, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prunesweep.errors import UsageError, suggestion
from prunesweep.report.compute.comparison import ALPHA, LEVEL, Area, Comparison, Contrast
from prunesweep.report.compute.methods import Context
from prunesweep.results.comparing.paired import MAX_PAIRS, POWER
from prunesweep.results.tables import csv_text

AREA = "area"
"""What stands in the column `amount` for the area under the curve."""
SHORT = ("amount", "against", "difference", "interval", "p", "result", "seeds needed")
"""The columns of a narrow table."""
LONG = ("amount", "first %", "against", "second %", "difference", "interval", "seeds", "p", "result", "seeds needed")
TEXTS = ("method", "against", "methods", "result")
"""The columns that contain texts."""
MAX_PLACES = 6
"""The largest number of amounts that a sentence lists."""
SMALL_P = 0.001


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Attributes:
        title: What the table shows.
        columns: The headings.
        rows: The cells.
        sections: The numbers of rows after which another pair of methods follows.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    sections: tuple[int, ...] = ()


def tables(comparison: Comparison, *, narrow: bool = False) -> list[TextTable]:
    """Return the tables of a comparison: the methods, then the contrasts of each context.

    Args:
        comparison: The comparison.
        narrow: Leave out the accuracies of the methods and the number of seeds.
    """
    contexts = dict.fromkeys(contrast.context for contrast in comparison.contrasts)
    areas = [_areas(comparison, context) for context in contexts]
    return [*(table for table in areas if table.rows), *(_contrasts(comparison, each, narrow) for each in contexts)]


def _areas(comparison: Comparison, context: Context) -> TextTable:
    found = [area for area in comparison.areas if area.context == context]
    order = {name: position for position, name in enumerate(comparison.ranks)}
    found.sort(key=lambda area: order.get(area.method, 0))
    amounts = f" over amounts {found[0].amounts[0]:g} to {found[0].amounts[-1]:g}" if found else ""
    return TextTable(
        f"Mean {comparison.split} accuracy{amounts}{_suffix(context)}",
        ("method", "mean rank", "area %", "interval", "seeds"),
        [_area_row(comparison, area) for area in found],
    )


def _area_row(comparison: Comparison, area: Area) -> tuple[str, ...]:
    rank = comparison.ranks.get(area.method)
    return (
        area.method,
        "" if rank is None else f"{rank:.2f}",
        f"{100 * area.mean.mean:.2f}",
        _interval(area.mean.interval, sign=False),
        str(area.mean.pairs),
    )


def _contrasts(comparison: Comparison, context: Context, narrow: bool) -> TextTable:
    columns = SHORT if narrow else LONG
    rows: list[tuple[str, ...]] = []
    sections = []
    several = len({first for first, _ in comparison.pairs}) > 1
    for first, second in comparison.pairs:
        for contrast in comparison.of_pair(first, second):
            if contrast.context == context:
                cells = _cells(contrast, f"{first} - {second}" if several else second)
                rows.append(tuple(cells[column] for column in columns))
        sections.append(len(rows))
    first = "first" if several else comparison.pairs[0][0]
    headings = {"first %": f"{first} %", "against": "methods" if several else "against"}
    headings["second %"] = "second %" if several else "other %"
    left = "first" if several else comparison.pairs[0][0]
    return TextTable(
        f"Difference in {comparison.split} accuracy, {left} minus the other, in points{_suffix(context)}",
        tuple(headings.get(column, column) for column in columns),
        rows,
        tuple(sections[:-1]),
    )


def _cells(contrast: Contrast, against: str) -> dict[str, str]:
    found = contrast.difference
    return {
        "amount": AREA if contrast.amount is None else f"{contrast.amount:.6g}",
        "first %": f"{100 * contrast.means[0]:.2f}",
        "against": against,
        "second %": f"{100 * contrast.means[1]:.2f}",
        "difference": points(found.mean),
        "interval": _interval(found.interval),
        "seeds": str(found.pairs),
        "p": "" if contrast.p is None else p_value(contrast.p),
        "result": contrast.outcome,
        "seeds needed": seeds_needed(contrast),
    }


def points(difference: float) -> str:
    """Format a difference of accuracies in percentage points: 0.0123 becomes `+1.23`."""
    return f"{0.0 + round(100 * difference, 2):+.2f}"


def p_value(p: float) -> str:
    """Format a p-value."""
    return f"<{SMALL_P:g}" if p < SMALL_P else f"{p:.3f}"


def seeds_needed(contrast: Contrast) -> str:
    """Format the number of seeds that the difference needs. Empty with one seed, whose spread is unknown."""
    if contrast.p is None:
        return ""
    return f">{MAX_PAIRS:,}" if contrast.needed is None else f"{contrast.needed:,}"


def _interval(interval: tuple[float, float] | None, *, sign: bool = True) -> str:
    if interval is None:
        return ""
    low, high = (points(end) if sign else f"{100 * end:.2f}" for end in interval)
    return f"{low} to {high}"


def _suffix(context: Context) -> str:
    return f" ({' '.join(f'{key}={value}' for key, value in context)})" if context else ""


def summary(comparison: Comparison) -> list[str]:
    """Return one sentence for each pair of methods, with its wins, ties and losses."""
    return [_sentence(comparison, first, second) for first, second in comparison.pairs]


def _sentence(comparison: Comparison, first: str, second: str) -> str:
    contrasts = comparison.of_pair(first, second)
    if not contrasts:
        return f"{first} and {second} have no common seed."
    if all(contrast.p is None for contrast in contrasts):
        return f"{first} and {second}: one common seed. Nothing can be concluded; run at least three seeds."
    at_amounts = [contrast for contrast in contrasts if contrast.amount is not None]
    count = Counter(contrast.outcome for contrast in at_amounts)
    where = [
        f"{word} at {_places([each for each in at_amounts if each.outcome == outcome])}"
        for outcome, word in (("win", "better"), ("loss", "worse"), ("tie", "not distinguished"))
        if count[outcome]
    ]
    counts = ", ".join(
        f"{count[outcome]} {outcome if count[outcome] == 1 else plural}"
        for outcome, plural in (("win", "wins"), ("tie", "ties"), ("loss", "losses"))
    )
    return f"{first} against {second}: {', '.join(where)} ({counts}){_area_text(contrasts)}."


def _places(contrasts: Sequence[Contrast]) -> str:
    """Return the amounts of contrasts, or their number if it is large or if they differ in other settings as well."""
    if len(contrasts) > MAX_PLACES or any(contrast.context for contrast in contrasts):
        return f"{len(contrasts)} conditions" if len(contrasts) > 1 else "1 condition"
    return ", ".join(f"{contrast.amount:g}" for contrast in contrasts)


def _area_text(contrasts: Sequence[Contrast]) -> str:
    areas = [contrast for contrast in contrasts if contrast.amount is None and contrast.p is not None]
    if len(areas) != 1:
        return ""
    (area,) = areas
    assert area.p is not None
    result = {"win": "better", "loss": "worse"}.get(area.outcome, f"a tie, {seeds_needed(area)} seeds needed")
    return (
        f"; area {points(area.difference.mean)} points ({_interval(area.difference.interval)}), "
        f"p {f'< {SMALL_P:g}' if area.p < SMALL_P else f'= {p_value(area.p)}'}: {result}"
    )


def notes(comparison: Comparison) -> list[str]:
    """Return how the figures are to be read, and what was left out."""
    found = [
        f"Interval: {100 * LEVEL:g} %, Student's t over seeds, of each figure alone. p: two-sided paired t test over "
        f"common seeds, corrected with Holm's method for {comparison.tested} tests together, so a comparison contains "
        f"any false win or loss with a probability of at most {100 * ALPHA:g} %.",
        "tie: not distinguished, which does not mean equal. seeds needed: number of seeds that detects the measured "
        f"difference with a probability of {100 * POWER:g} %, if it and its spread are the true ones.",
        "area: mean accuracy over the range of amounts, the area under the accuracy-sparsity curve divided by its "
        f"width. mean rank: over {comparison.ranked} conditions, 1 is best.",
    ]
    if comparison.belonging:
        found.append(f"The methods also differ in {', '.join(comparison.belonging)}.")
    if comparison.failed:
        found.append(f"Runs without a result, left out: {comparison.failed:,}.")
    least = min(contrast.difference.pairs for contrast in comparison.contrasts)
    if least < 2:
        found.append("Differences with one common seed have no interval: nothing can be concluded from them.")
    return found


def heading(comparison: Comparison) -> str:
    """Return the title of a comparison."""
    return f"Comparison by {comparison.key}: {', '.join(comparison.methods)}"


def as_csv(comparison: Comparison) -> str:
    """Return one row per contrast, with accuracies as fractions."""
    rows = []
    for contrast in comparison.contrasts:
        found, interval = contrast.difference, contrast.difference.interval or (None, None)
        rows.append(
            {
                **dict(contrast.context),
                "figure": AREA if contrast.amount is None else "accuracy",
                "split": comparison.split,
                "amount": contrast.amount,
                "first": contrast.first,
                "second": contrast.second,
                "first.mean": contrast.means[0],
                "second.mean": contrast.means[1],
                "difference": found.mean,
                "difference.low": interval[0],
                "difference.high": interval[1],
                "difference.sd": found.sd,
                "seeds": found.pairs,
                "p": found.p,
                "p.holm": contrast.p,
                "result": contrast.outcome,
                "seeds_needed": contrast.needed,
            }
        )
    return csv_text(rows[0], rows)


def as_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    blocks = [
        "\n".join(f"- {_for_markdown(sentence)}" for sentence in summary(comparison)),
        *(_markdown_table(table) for table in tables(comparison)),
        *map(_for_markdown, notes(comparison)),
    ]
    return "\n\n".join(blocks) + "\n"


def _markdown_table(table: TextTable) -> str:
    lines = [table.columns, ("---",) * len(table.columns), *table.rows]
    rows = "\n".join(f"| {' | '.join(map(_for_markdown, line))} |" for line in lines)
    return f"{_for_markdown(table.title)}:\n\n{rows}"


def _for_markdown(text: str) -> str:
    for character in ("\\", "|", "<", "_", "*", "`", "["):
        text = text.replace(character, f"\\{character}")
    return text


def as_latex(comparison: Comparison) -> str:
    """Return the tables as LaTeX, for the package booktabs. Headings and notes are comments."""
    lines = [f"% {_for_comment(text)}" for text in (heading(comparison), *summary(comparison), *notes(comparison))]
    return "\n".join([*lines, *(line for table in tables(comparison) for line in _latex_table(table))]) + "\n"


def _latex_table(table: TextTable) -> Iterator[str]:
    yield f"% {_for_comment(table.title)}"
    yield f"\\begin{{tabular}}{{{''.join('l' if column in TEXTS else 'r' for column in table.columns)}}}"
    yield "\\toprule"
    yield f"{' & '.join(map(_for_latex, table.columns))} \\\\"
    yield "\\midrule"
    for number, row in enumerate(table.rows):
        if number in table.sections:
            yield "\\midrule"
        yield f"{' & '.join(_latex_cell(*cell) for cell in zip(table.columns, row, strict=True))} \\\\"
    yield "\\bottomrule"
    yield "\\end{tabular}"


def _for_comment(text: str) -> str:
    return " ".join(text.split())


def _for_latex(text: str) -> str:
    special = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
    special |= {"<": "\\textless{}", ">": "\\textgreater{}"}
    return "".join(special.get(each, f"\\{each}" if each in "&%$#_{}" else each) for each in text)


def _latex_cell(column: str, text: str) -> str:
    """Return a cell. Signed numbers are set in math mode, where a hyphen is a minus sign."""
    escaped = _for_latex(text)
    return escaped if column in TEXTS else re.sub(r"[+-][\d.]+", r"$\g<0>$", escaped)


FORMATS: dict[str, Callable[[Comparison], str]] = {".csv": as_csv, ".md": as_markdown, ".tex": as_latex}


def check_file(path: Path, suffixes: Sequence[str]) -> None:
    """Check that the name of a file says in which format it is written.

    Raises:
        UsageError: It does not.
    """
    if path.suffix not in suffixes:
        raise UsageError(
            f"--out={path}: the name must end with one of {', '.join(suffixes)}." + suggestion(path.suffix, suffixes)
        )
