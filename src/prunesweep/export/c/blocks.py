"""Sums in registers for a block of outputs: a few rows of a feature map, or a few outputs of a linear layer.

The macros `SUM8`, `ADD8`, `PUT8` and so on handle 8, 4 or 1 neighbors. They use the vectors of GCC and Clang where the
processor has such registers, and plain C elsewhere. Compilers do not keep arrays in registers reliably: loops over an
array of sums took up to eight times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BUDGET = 32
"""The number of sums in a block. More do not fit into the registers of all processors."""

MACROS = """\
/* Sums of 8, 4 or 1 neighbors: SUM declares them as zero plus a number, ADD adds a weight times inputs, PUT stores. */
#if defined(__GNUC__) && (defined(__AVX__) || defined(__SSE__) || defined(__ARM_NEON))
typedef float vector4 __attribute__((vector_size(16), aligned(4), may_alias));
#define SUM4(a, b) vector4 a = (b) + (vector4){0, 0, 0, 0}
#define ADD4(a, w, p) a += (w) * *(const vector4 *)(p)
#define PUT4(p, a) *(vector4 *)(p) = a
#if defined(__AVX__)
typedef float vector8 __attribute__((vector_size(32), aligned(4), may_alias));
#define SUM8(a, b) vector8 a = (b) + (vector8){0, 0, 0, 0, 0, 0, 0, 0}
#define ADD8(a, w, p) a += (w) * *(const vector8 *)(p)
#define PUT8(p, a) *(vector8 *)(p) = a
#endif
#else
#define SUM4(a, b) float a##0 = (b), a##1 = a##0, a##2 = a##0, a##3 = a##0
#define ADD4(a, w, p) a##0 += (w) * (p)[0], a##1 += (w) * (p)[1], a##2 += (w) * (p)[2], a##3 += (w) * (p)[3]
#define PUT4(p, a) (p)[0] = a##0, (p)[1] = a##1, (p)[2] = a##2, (p)[3] = a##3
#endif
#ifndef SUM8
#define SUM8(a, b) SUM4(a##l, b); SUM4(a##h, b)
#define ADD8(a, w, p) ADD4(a##l, w, p); ADD4(a##h, w, (p) + 4)
#define PUT8(p, a) PUT4(p, a##l); PUT4((p) + 4, a##h)
#endif
#define SUM1(a, b) float a = (b)
#define ADD1(a, w, p) a += (w) * *(p)
#define PUT1(p, a) *(p) = a
"""


@dataclass(frozen=True)
class Block:
    """Rows and columns of outputs that are summed at the same time.

    Attributes:
        rows: The number of rows, which divides the height.
        begin: The first column.
        width: The number of columns.
        repeats: The number of blocks side by side.
    """

    rows: int
    begin: int
    width: int
    repeats: int


def blocks(height: int, width: int) -> list[Block]:
    """Return blocks of at most `BUDGET` sums that cover a feature map of this size."""
    rows = max(count for count in range(1, height + 1) if height % count == 0 and count * min(width, BUDGET) <= BUDGET)
    whole, rest = divmod(width, BUDGET)
    wide = [Block(rows, 0, BUDGET, whole)] if whole else []
    return [*wide, *([Block(rows, whole * BUDGET, rest, 1)] if rest else [])]


def segments(width: int) -> list[tuple[int, int]]:
    """Return (first column, number of columns: 8, 4 or 1) that cover `width` columns."""
    result: list[tuple[int, int]] = []
    column = 0
    for size in (8, 4, 1):
        while column + size <= width:
            result.append((column, size))
            column += size
    return result


def sums(
    block: Block,
    initial: str,
    loops: Sequence[str],
    source: str,
    target: str,
    steps: tuple[int, int],
    kind: str = "float",
) -> list[str]:
    """Return the lines that sum one block.

    Args:
        block: The block.
        initial: The expression of the initial value of each sum.
        loops: Lines that begin loops over weights, in which the weight is `w`. Empty if there are no weights.
        source: The expression of the address of a weight's input for the first output of the block, in the loops.
        target: The expression of the address of the first output of the block.
        steps: The distance between rows of the input and of the output.
        kind: The type of inputs.
    """
    parts = [(row, column, size) for row in range(block.rows) for column, size in segments(block.width)]
    names = [f"s{row}_{column}_" for row, column, _ in parts]
    levels = sum(line.endswith("{") for line in loops)
    depth = "    " * levels
    added = [
        f"{depth}ADD{size}({name}, w, p + {row * steps[0] + column});"
        for name, (row, column, size) in zip(names, parts, strict=True)
    ]
    closed = ["    " * level + "}" for level in reversed(range(levels))]
    return [
        *(f"SUM{size}({name}, {initial});" for name, (_, _, size) in zip(names, parts, strict=True)),
        *([*loops, f"{depth}const {kind} *p = {source};", *added, *closed] if loops else []),
        *(
            f"PUT{size}({target} + {row * steps[1] + column}, {name});"
            for name, (row, column, size) in zip(names, parts, strict=True)
        ),
    ]
