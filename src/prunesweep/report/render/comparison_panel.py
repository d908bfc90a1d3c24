"""The section of the report page that compares methods, in HTML and SVG that need no script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from prunesweep.errors import printable
from prunesweep.report.compute.comparison import Comparison, Contrast
from prunesweep.report.render.comparison import AREA, TextTable, notes, points, summary, tables

WIDTH, LEFT, ROW = 440, 140, 18
"""Sizes of a forest plot: its width, the space for labels, and the height of a row."""
MAX_LABEL = 16
STYLE = """
#comparison ul { padding-left: 1.2rem; }
#comparison svg { max-width: 100%; height: auto; display: block; margin: 0.6rem 0; font-size: 12px; }
#comparison svg text { fill: currentColor; }
#comparison svg .tie { stroke: var(--faint); fill: var(--faint); }
#comparison svg .win { stroke: var(--accent); fill: var(--accent); }
#comparison svg .loss { stroke: var(--mark); fill: var(--mark); }
#comparison svg .zero { stroke: var(--faint); stroke-dasharray: 3 3; }
#comparison caption { text-align: left; padding: 0.4rem 0.6rem; color: var(--faint); }
#comparison td, #comparison th { font-variant-numeric: tabular-nums; }
"""


def panel(comparison: Comparison | None) -> str:
    """Return the section, or an empty text if nothing can be compared."""
    if comparison is None:
        return ""
    sentences = "".join(f"<li>{_text(sentence)}</li>" for sentence in summary(comparison))
    hints = "".join(f'<p class="hint">{_text(note)}</p>' for note in notes(comparison))
    shown = "".join(map(_table, tables(comparison)))
    command = f"prunesweep compare SWEEP_DIR --by {comparison.key} --focus NAME"
    return (
        f'<section aria-labelledby="comparison-title" id="comparison"><style>{STYLE}</style>'
        f'<h2 id="comparison-title">Methods compared by {_text(comparison.key)}</h2>'
        f"<ul>{sentences}</ul>{''.join(_plots(comparison))}"
        f"<details><summary>Tables of the comparison</summary>{shown}{hints}</details>"
        f'<p class="hint">For another setting or another method, run <code>{_text(command)}</code>.</p></section>'
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _table(table: TextTable) -> str:
    head = "".join(f"<th>{_text(column)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return (
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="comparison-title">'
        f"<table><caption>{_text(table.title)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _plots(comparison: Comparison) -> list[str]:
    """Return a forest plot for each pair: the difference at each amount with its interval."""
    return [
        _plot(contrasts, f"{first} minus {second}, points of {comparison.split} accuracy")
        for first, second in comparison.pairs
        if (contrasts := [each for each in comparison.of_pair(first, second) if each.difference.interval])
    ]


def _plot(contrasts: Sequence[Contrast], title: str) -> str:
    ends = [end for each in contrasts for end in each.difference.interval or ()]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * (value - low) / span

    height = ROW * (len(contrasts) + 2)
    rows = "".join(_row(each, ROW * (number + 1.5), x) for number, each in enumerate(contrasts))
    bottom = height - 4
    axis = "".join(
        f'<text x="{x(value):.1f}" y="{bottom}" text-anchor="{anchor}">{points(value) if value else 0}</text>'
        for value, anchor in _ticks(low, high)
    )
    zero = f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{ROW}" y2="{height - ROW}"/>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" aria-label="{_text(title)}">'
        f'<text x="0" y="12" font-weight="600">{_text(title)}</text>{zero}{rows}{axis}</svg>'
    )


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return the labeled values and the anchors of their labels. An end near zero would overlap the label of zero."""
    ends = [(low, "start"), (high, "end")]
    return [(0.0, "middle"), *((end, anchor) for end, anchor in ends if abs(end) > 0.15 * (high - low))]


def _row(contrast: Contrast, y: float, x: Callable[[float], float]) -> str:
    low, high = contrast.difference.interval or (0.0, 0.0)
    name = AREA if contrast.amount is None else f"{contrast.amount:g}"
    context = "".join(f" {key}={value}" for key, value in contrast.context)
    label = f"{name}{context}"
    shown = label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"
    middle = x(contrast.difference.mean)
    return (
        f'<g class="{contrast.outcome.replace(" ", "-")}"><title>{_text(label)}: {points(contrast.difference.mean)} '
        f"({points(low)} to {points(high)})</title>"
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke-width="2"/>'
        f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="4"/></g>'
        f'<text x="0" y="{y + 4:.1f}">{_text(shown)}</text>'
        f'<text x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{contrast.outcome}</text>'
    )
