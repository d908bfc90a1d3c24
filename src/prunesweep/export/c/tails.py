"""The C text of what follows a convolution or a linear layer in each channel: activations and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from prunesweep.export.c.arrays import number
from prunesweep.export.c.layers import Activation, Pair, Pool
from prunesweep.export.c.stages import Tail

ACTIVATIONS = {"relu": "v > 0 ? v : 0", "tanh": "tanhf(v)", "sigmoid": "1 / (1 + expf(-v))"}
"""Kind of an activation -> its value for v."""

UNROLLED = 16
"""The largest number of inputs of a pooling window that is written out."""

PLANES = ("plane", "other_plane")
"""The buffers of one channel before and after a pooling that is not the last one."""


def activations(steps: Sequence[Activation], target: str, size: Pair, stride: int) -> list[str]:
    """Return the lines that apply activations in place.

    Args:
        steps: The activations.
        target: The expression of the address of the values.
        size: Rows and columns.
        stride: The distance between rows.
    """
    if not steps:
        return []
    height, width = size
    count, loop = (height * width, []) if stride == width else (width, [f"for (int y = 0; y < {height}; y++) {{"])
    place = "" if stride == width else f"y * {stride} + "
    inner = [
        f"for (int x = 0; x < {count}; x++) {{",
        f"    float v = {target}[{place}x];",
        *(f"    v = {ACTIVATIONS[step.kind]};" for step in steps),
        f"    {target}[{place}x] = v;",
        "}",
    ]
    return [*loop, *(f"    {line}" for line in inner), "}"] if loop else inner


def tail(steps: Tail, size: Pair, target: str, stride: int) -> list[str]:
    """Return the lines that apply `steps` to one channel.

    Without pooling, the values are already at `target`. Otherwise they are in the first of `PLANES`, row by row.

    Args:
        steps: Pooling and activations.
        size: Rows and columns of the values.
        target: The expression of the address of the result.
        stride: The distance between rows of the result.
    """
    groups = _groups(steps)
    if len(groups) == 1:
        return activations(groups[0][1], target, size, stride)
    lines = activations(groups[0][1], PLANES[0], size, size[1])
    for index, (pool, after) in enumerate(groups[1:]):
        assert pool is not None
        last = index == len(groups) - 2
        place, step = (target, stride) if last else (PLANES[(index + 1) % 2], pool.size[1])
        lines += _pool(pool, after, size, PLANES[index % 2], place, step)
        size = pool.size
    return lines


def plane_sizes(steps: Tail, size: Pair) -> list[int]:
    """Return the number of values in each of `PLANES` that `tail` needs."""
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


def _pool(pool: Pool, after: Sequence[Activation], size: Pair, source: str, target: str, stride: int) -> list[str]:
    window = _inside(pool, size, source) if pool.fits(*size) else _clipped(pool, size, source)
    return [
        f"for (int y = 0; y < {pool.size[0]}; y++) {{",
        f"    for (int x = 0; x < {pool.size[1]}; x++) {{",
        *(f"        {line}" for line in window),
        *(f"        v = {ACTIVATIONS[step.kind]};" for step in after),
        f"        {target}[y * {stride} + x] = v;",
        "    }",
        "}",
    ]


def _inside(pool: Pool, size: Pair, source: str) -> list[str]:
    """Return the lines that pool a window without padding to v."""
    (rows, columns), (down, right), width = pool.kernel, pool.dilation, size[1]
    area = rows * columns
    corner = f"const float *p = {source} + y * {pool.stride[0] * width} + x * {pool.stride[1]};"
    scale = [f"v *= {number(1 / area)};"] if pool.kind == "average" else []
    if area <= UNROLLED:
        places = [row * down * width + column * right for row in range(rows) for column in range(columns)]
        return [corner, "float v = p[0];", *(_include(pool, f"p[{place}]") for place in places[1:]), *scale]
    first = "0" if pool.kind == "average" else "p[0]"
    return [
        corner,
        f"float v = {first};",
        f"for (int r = 0; r < {rows}; r++)",
        f"    for (int c = 0; c < {columns}; c++)",
        f"        {_include(pool, f'p[r * {down * width} + c * {right}]')}",
        *scale,
    ]


def _include(pool: Pool, value: str) -> str:
    return f"v = {value} > v ? {value} : v;" if pool.kind == "max" else f"v += {value};"


def _clipped(pool: Pool, size: Pair, source: str) -> list[str]:
    """Return the lines that pool a window which may reach over the border to v.

    An average that counts padding divides by the part of the window in the padded input.
    """
    (height, width), (rows, columns), (above, left) = size, pool.kernel, pool.padding
    (down, right), included = pool.dilation, pool.counts_padding
    average = pool.kind == "average"
    place = f"{source}[row * {width} + column]"
    padded = f"row < {height + above} && column < {width + left}"
    return [
        f"float v = {'0' if average else '-HUGE_VALF'};",
        *(["int count = 0;"] if average else []),
        f"for (int r = 0; r < {rows}; r++)",
        f"    for (int c = 0; c < {columns}; c++) {{",
        f"        const int row = y * {pool.stride[0]} - {above} + r * {down};",
        f"        const int column = x * {pool.stride[1]} - {left} + c * {right};",
        f"        const int inside = row >= 0 && row < {height} && column >= 0 && column < {width};",
        *([f"        count += {padded if included else 'inside'};"] if average else []),
        f"        if (inside) {_include(pool, place)}",
        "    }",
        *(["v /= count;"] if average else []),
    ]
