"""The C text of the stages of an integer program: the arithmetic of `quantization.operations`, bit for bit.

Values between stages are integers of 8 bits, sums are integers of 32 bits. Only the logits have 32 bits.
"""

from __future__ import annotations

import numpy as np

from prunesweep.data.settings import DIVISORS
from prunesweep.export.c.arrays import number
from prunesweep.export.c.encoding import Dense, Sparse, encode
from prunesweep.export.c.layers import Activation, Array, Conv, Pool, Rescale
from prunesweep.export.c.source import (
    Function,
    Place,
    arrays_of,
    cleared,
    framed,
    loops_of,
    pointers,
    sparse_linear,
    summary,
)
from prunesweep.export.c.stages import Stage
from prunesweep.export.c.tails import PLANES, Numbers, activations, plane_sizes, tail
from prunesweep.export.description import Description
from prunesweep.quantization.symmetric import LARGEST

NARROW, WIDE = "signed char", "int"
WIDE_PLANES = ("wide_plane", "other_wide_plane")
SUMS = "sums"
"""The buffer of a row of a feature map, or of the outputs of a linear layer."""

HELPERS = """\
typedef char int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

/* Returns sum * multiplier / 2^shift, rounded to the nearest integer, halves up, and limited to -limit to limit. */
static int rescaled(int sum, int multiplier, int shift, int limit)
{
    const long long product = (long long)sum * multiplier + (1LL << (shift - 1));
    const long long result = product >= 0 ? product >> shift : -1 - ((-1 - product) >> shift);
    return (int)(result < -limit ? -limit : result > limit ? limit : result);
}
"""


def stored(stage: Stage) -> str:
    """Return the type of the results of `stage`."""
    return WIDE if stage.head.rescale and stage.head.rescale.limit > LARGEST else NARROW


def integer_function(name: str, stage: Stage, after: Stage | None, *, dense: bool) -> Function:
    """Return the C function that computes `stage`.

    Args:
        name: Its name.
        stage: A stage whose weights are integers.
        after: The stage that reads its result. None: the result is the logits.
        dense: Store all weights, also those that are zero.
    """
    rescale, place, numbers = stage.head.rescale, Place.before(after, stage), _numbers(name, stage)
    assert rescale is not None
    encoded = encode(stage, dense=dense)
    arrays = {
        **arrays_of(encoded),
        "bias": stage.head.bias.astype(np.int32),
        "multipliers": rescale.multipliers.astype(np.int32),
        "shifts": rescale.shifts.astype(np.uint8),
        **_tables(stage),
    }
    if isinstance(stage.head, Conv):
        body, row = _conv(name, stage, encoded, place, rescale, numbers), stage.head_shape[2]
    else:
        body, row = _linear(name, stage, encoded, rescale, numbers), stage.head_shape[0]
    buffers = {SUMS: row, **_planes(stage, numbers)}
    types = (NARROW, numbers.stored)
    return framed(name, summary(stage, encoded), arrays, types, [*cleared(stage, place), *body], buffers)


def pixel_function(
    name: str, stage: Stage, after: Stage | None, description: Description, multiplier: float
) -> Function:
    """Return the C function that normalizes pixels and rounds them to integers.

    Args:
        name: Its name.
        stage: The first stage, whose head is ignored.
        after: The stage that reads its result.
        description: The normalization.
        multiplier: The factor of normalized pixels, a float32 number.
    """
    channels, height, width = stage.head_shape
    place, numbers = Place.before(after, stage), _numbers(name, stage)
    to, stride = _target(stage, place, numbers)
    divisor = DIVISORS[description.scale]
    pixel = f"in[(channel * {height} + y) * {width} + x]" + (f" / {number(divisor)}" if divisor != 1 else "")
    body = [
        f"for (int channel = 0; channel < {channels}; channel++) {{",
        f"    {numbers.stored} *target = out + channel * {place.channel} + {place.first};",
        f"    for (int y = 0; y < {height}; y++)",
        f"        for (int x = 0; x < {width}; x++) {{",
        f"            float v = ({pixel} - {name}_mean[channel]) / {name}_std[channel] * {number(multiplier)};",
        f"            v = v > -{LARGEST} ? v : -{LARGEST};",
        f"            {to}[y * {stride} + x] = ({numbers.stored})rintf(v < {LARGEST} ? v : {LARGEST});",
        "        }",
        *(f"    {line}" for line in tail(stage.tail, (height, width), "target", place.row, numbers)),
        "}",
    ]
    mean, std = np.array(description.mean, np.float32), np.array(description.std, np.float32)
    arrays = {"mean": mean, "std": std, **_tables(stage)}
    about = f"Normalizes pixels and rounds them to integers, {channels}x{height}x{width}."
    types = ("float", numbers.stored)
    return framed(name, about, arrays, types, [*cleared(stage, place), *body], _planes(stage, numbers))


def _numbers(name: str, stage: Stage) -> Numbers:
    """Return how the results of `stage` are written."""
    tables = [step for step in stage.tail if isinstance(step, Activation) and step.table is not None]

    def activation(step: Activation) -> str:
        if step.table is None:
            return "v > 0 ? v : 0"
        place = next(index for index, each in enumerate(tables) if each is step)
        return f"{name}_table{place}[v + {LARGEST}]"

    kind = stored(stage)
    return Numbers(kind, "int", "-2147483647", activation, PLANES if kind == NARROW else WIDE_PLANES)


def _tables(stage: Stage) -> dict[str, Array]:
    """Return the arrays of the tables of `stage` by name."""
    tables = [step.table for step in stage.tail if isinstance(step, Activation) and step.table is not None]
    return {f"table{index}": table.astype(np.int8) for index, table in enumerate(tables)}


def _planes(stage: Stage, numbers: Numbers) -> dict[str, int]:
    """Return the number of values that the planes must have, by name."""
    if not isinstance(stage.head, Conv):
        return {}
    return dict(zip(numbers.planes, plane_sizes(stage.tail, stage.head_shape[1:]), strict=True))


def _target(stage: Stage, place: Place, numbers: Numbers) -> tuple[str, int]:
    """Return where a channel of the head is written, before pooling, and the distance between its rows."""
    pooled = any(isinstance(step, Pool) for step in stage.tail)
    return (numbers.planes[0], stage.head_shape[2]) if pooled else ("target", place.row)


def _conv(
    name: str, stage: Stage, encoded: Sparse | Dense, place: Place, rescale: Rescale, numbers: Numbers
) -> list[str]:
    assert isinstance(stage.head, Conv)
    channels, height, width = stage.head_shape
    down, right = stage.head.stride
    start, loops, source, end = loops_of(name, stage, encoded)
    levels = sum(line.endswith("{") for line in loops)
    add = [
        f"const signed char *p = {source} + y * {down * stage.padded_shape[2]};",
        f"for (int x = 0; x < {width}; x++)",
        f"    {SUMS}[x] += w * p[x * {right}];",
    ]
    to, stride = _target(stage, place, numbers)
    row = [
        f"for (int x = 0; x < {width}; x++)",
        f"    {SUMS}[x] = bias;",
        *loops,
        *("    " * levels + line for line in (add if loops else [])),
        *("    " * level + "}" for level in reversed(range(levels))),
        f"for (int x = 0; x < {width}; x++)",
        f"    {to}[y * {stride} + x] = ({numbers.stored})rescaled({SUMS}[x], multiplier, shift, {rescale.limit});",
    ]
    body = [
        f"{numbers.stored} *target = out + channel * {place.channel} + {place.first};",
        f"const int bias = {name}_bias[channel], multiplier = {name}_multipliers[channel];",
        f"const int shift = {name}_shifts[channel];",
        *start,
        f"for (int y = 0; y < {height}; y++) {{",
        *(f"    {line}" for line in row),
        "}",
        *end,
        *tail(stage.tail, (height, width), "target", place.row, numbers),
    ]
    return [
        *pointers(name, encoded),
        f"for (int channel = 0; channel < {channels}; channel++) {{",
        *(f"    {line}" for line in body),
        "}",
    ]


def _linear(name: str, stage: Stage, encoded: Sparse | Dense, rescale: Rescale, numbers: Numbers) -> list[str]:
    inputs, outputs = stage.input_shape[0], stage.head_shape[0]
    each = f"for (int k = 0; k < {outputs}; k++)"
    arguments = f"{SUMS}[k], {name}_multipliers[k], {name}_shifts[k], {rescale.limit}"
    return [
        each,
        f"    {SUMS}[k] = {name}_bias[k];",
        *(
            sparse_linear(name, encoded, inputs, SUMS, "int")
            if isinstance(encoded, Sparse)
            else _dense_linear(name, inputs, outputs)
        ),
        each,
        f"    out[k] = ({numbers.stored})rescaled({arguments});",
        *activations(
            [step for step in stage.tail if isinstance(step, Activation)], "out", (1, outputs), outputs, numbers
        ),
    ]


def _dense_linear(name: str, inputs: int, outputs: int) -> list[str]:
    return [
        f"for (int i = 0; i < {inputs}; i++) {{",
        f"    const signed char *weight = {name}_weights + i * {outputs};",
        "    const int v = in[i];",
        "    if (v != 0)",
        f"        for (int k = 0; k < {outputs}; k++)",
        f"            {SUMS}[k] += weight[k] * v;",
        "}",
    ]
