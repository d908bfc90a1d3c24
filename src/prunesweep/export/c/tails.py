"""The C text of what follows a convolution or a linear layer in each channel: activations and pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prunesweep.export.c.arrays import number
from prunesweep.export.c.layers import Activation, Pair, Pool
from prunesweep.export.c.stages import Tail
from prunesweep.quantization.symmetric import LARGEST

ACTIVATIONS = {"relu": "v > 0 ? v : 0", "tanh": "tanhf(v)", "sigmoid": "1 / (1 + expf(-v))"}
"""Kind of an activation -> its value for v."""

UNROLLED = 16
"""The largest number of inputs of a pooling window that is written out."""

PLANES = ("plane", "other_plane")
"""The buffers of one channel before and after a pooling that is not the last one."""


@dataclass(frozen=True)
class Numbers:
    """The numbers of a channel in C.

    Attributes:
        stored: The type of values in buffers.
        computed: The type of a value in an expression.
        lowest: A value below all others.
        activation: Returns the expression of an activation for the value v.
        planes: The buffers of one channel before and after a pooling that is not the last one.
    """

    stored: str
    computed: str
    lowest: str
    activation: Callable[[Activation], str]
    planes: tuple[str, str] = PLANES


REAL = Numbers("float", "float", "-HUGE_VALF", lambda step: ACTIVATIONS[step.kind])


def activations(
    steps: Sequence[Activation], target: str, size: Pair, stride: int, numbers: Numbers = REAL
) -> list[str]:
    """Return the lines that apply activations in place.

    Args:
        steps: The activations.
        target: The expression of the address of the values.
        size: Rows and columns.
        stride: The distance between rows.
        numbers: The numbers.
    """
    if not steps:
        return []
    height, width = size
    count, loop = (height * width, []) if stride == width else (width, [f"for (int y = 0; y < {height}; y++) {{"])
    place = "" if stride == width else f"y * {stride} + "
    inner = [
        f"for (int x = 0; x < {count}; x++) {{",
        f"    {numbers.computed} v = {target}[{place}x];",
        *(f"    v = {numbers.activation(step)};" for step in steps),
        f"    {target}[{place}x] = v;",
        "}",
    ]
    return [*loop, *(f"    {line}" for line in inner), "}"] if loop else inner


def tail(steps: Tail, size: Pair, target: str, stride: int, numbers: Numbers = REAL) -> list[str]:
    """Return the lines that apply `steps` to one channel.

    Without pooling, the values are already at `target`. Otherwise they are in the first plane, row by row.

    Args:
        steps: Pooling and activations.
        size: Rows and columns of the values.
        target: The expression of the address of the result.
        stride: The distance between rows of the result.
        numbers: The numbers.
    """
    groups, planes = _groups(steps), numbers.planes
    if len(groups) == 1:
        return activations(groups[0][1], target, size, stride, numbers)
    lines = activations(groups[0][1], planes[0], size, size[1], numbers)
    for index, (pool, after) in enumerate(groups[1:]):
        assert pool is not None
        last = index == len(groups) - 2
        place, step = (target, stride) if last else (planes[(index + 1) % 2], pool.size[1])
        lines += _pool(pool, after, size, planes[index % 2], place, step, numbers)
        size = pool.size
    return lines


def plane_sizes(steps: Tail, size: Pair) -> list[int]:
    """Return the number of values in each of the planes that `tail` needs."""
    sizes = [size, *(step.size for step in steps if isinstance(step, Pool))][:-1]
    return [max((high * wide for high, wide in sizes[index::2]), default=0) for index in range(2)]


def _groups(steps: Tail) -> list[tuple[Pool | None, list[Activation]]]:
    """Return each pooling with the activations after it. The first group has no pooling."""
    groups: list[tuple[Pool | None, list[Activation]]] = [(None, [])]
    for step in steps:
        if isinstance(step, Pool):
            groups.append((step, []))
        else:
            groups[-1][1].append(step)
    return groups


def _pool(
    pool: Pool, after: Sequence[Activation], size: Pair, source: str, target: str, stride: int, numbers: Numbers
) -> list[str]:
    window = (_inside if pool.fits(*size) else _clipped)(pool, size, source, numbers)
    return [
        f"for (int y = 0; y < {pool.size[0]}; y++) {{",
        f"    for (int x = 0; x < {pool.size[1]}; x++) {{",
        *(f"        {line}" for line in window),
        *(f"        v = {numbers.activation(step)};" for step in after),
        f"        {target}[y * {stride} + x] = v;",
        "    }",
        "}",
    ]


def _inside(pool: Pool, size: Pair, source: str, numbers: Numbers) -> list[str]:
    """Return the lines that pool a window without padding to v."""
    (rows, columns), (down, right), width = pool.kernel, pool.dilation, size[1]
    area, kind = rows * columns, numbers.computed
    corner = f"const {numbers.stored} *p = {source} + y * {pool.stride[0] * width} + x * {pool.stride[1]};"
    scale = [_divide(pool, f"v *= {number(1 / area)};")] if pool.kind == "average" else []
    if area <= UNROLLED:
        places = [row * down * width + column * right for row in range(rows) for column in range(columns)]
        return [corner, f"{kind} v = p[0];", *(_include(pool, f"p[{place}]") for place in places[1:]), *scale]
    first = "0" if pool.kind == "average" else "p[0]"
    return [
        corner,
        f"{kind} v = {first};",
        f"for (int r = 0; r < {rows}; r++)",
        f"    for (int c = 0; c < {columns}; c++)",
        f"        {_include(pool, f'p[r * {down * width} + c * {right}]')}",
        *scale,
    ]


def _divide(pool: Pool, real: str) -> str:
    """Return the line that divides v, the sum of a window. For real numbers, it is given."""
    if pool.reciprocal is None:
        return real
    multiplier, shift = pool.reciprocal
    return f"v = rescaled(v, {multiplier}, {shift}, {LARGEST});"


def _include(pool: Pool, value: str) -> str:
    return f"v = {value} > v ? {value} : v;" if pool.kind == "max" else f"v += {value};"


def _clipped(pool: Pool, size: Pair, source: str, numbers: Numbers) -> list[str]:
    """Return the lines that pool a window which may reach over the border to v.

    An average that counts padding divides by the part of the window in the padded input.
    """
    (height, width), (rows, columns), (above, left) = size, pool.kernel, pool.padding
    (down, right), included = pool.dilation, pool.counts_padding
    average = pool.kind == "average"
    counts = average and pool.reciprocal is None
    place = f"{source}[row * {width} + column]"
    padded = f"row < {height + above} && column < {width + left}"
    return [
        f"{numbers.computed} v = {'0' if average else numbers.lowest};",
        *(["int count = 0;"] if counts else []),
        f"for (int r = 0; r < {rows}; r++)",
        f"    for (int c = 0; c < {columns}; c++) {{",
        f"        const int row = y * {pool.stride[0]} - {above} + r * {down};",
        f"        const int column = x * {pool.stride[1]} - {left} + c * {right};",
        f"        const int inside = row >= 0 && row < {height} && column >= 0 && column < {width};",
        *([f"        count += {padded if included else 'inside'};"] if counts else []),
        f"        if (inside) {_include(pool, place)}",
        "    }",
        *([_divide(pool, "v /= count;")] if average else []),
    ]
