"""The C text of the stages of an integer program: the arithmetic of `quantization.operations`, bit for bit.

Values between stages are integers of 8 bits, sums are integers of 32 bits. Only the logits have 32 bits.
"""

from __future__ import annotations

import numpy as np

from prunesweep.data.settings import DIVISORS
from prunesweep.export.c.arrays import number
from prunesweep.export.c.encoding import Dense, Sparse, encode
from prunesweep.export.c.layers import Activation, Array, Conv, Rescale
from prunesweep.export.c.source import (
    Function,
    Place,
    arrays_of,
    cleared,
    convolution,
    framed,
    planes_of,
    sparse_linear,
    summary,
    target_of,
)
from prunesweep.export.c.stages import Stage
from prunesweep.export.c.tails import PLANES, Numbers, activations, tail
from prunesweep.export.description import Description
from prunesweep.quantization.symmetric import LARGEST

NARROW, WIDE = "signed char", "int"
WIDE_PLANES = ("wide_plane", "other_wide_plane")
SUMS = "sums"
"""The buffer of the outputs of a linear layer before they are rescaled."""

HELPERS = """\
typedef char int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

/* Returns sum * multiplier / 2^shift, rounded to the nearest integer, halves up, and limited to -limit to limit. */
static int rescaled(int sum, int multiplier, int shift, int limit)
{
    const long long product = (long long)sum * multiplier + (1LL << (shift - 1));
    const long long result = product >= 0 ? product >> shift : -1 - ((-1 - product) >> shift);
    return (int)(result < -limit ? -limit : result > limit ? limit : result);
}

/* Sums of 8, 4 or 1 neighbors: SUM declares them as a number, ADD adds a weight times inputs, PUT rescales them. */
#define SUM4(a, b) int a##0 = (b), a##1 = a##0, a##2 = a##0, a##3 = a##0
#define ADD4(a, w, p) a##0 += (w) * (p)[0], a##1 += (w) * (p)[1], a##2 += (w) * (p)[2], a##3 += (w) * (p)[3]
#define PUT4(p, a) PUT1(p, a##0); PUT1((p) + 1, a##1); PUT1((p) + 2, a##2); PUT1((p) + 3, a##3)
#if defined(__GNUC__) && (defined(__clang__) || __GNUC__ >= 9) && (defined(__SSE2__) || defined(__ARM_NEON))
typedef signed char bytes8 __attribute__((vector_size(8), aligned(1), may_alias));
typedef short shorts8 __attribute__((vector_size(16)));  /* products of bytes have 15 bits */
typedef int vector8 __attribute__((vector_size(32)));
#define WIDEN(p, type) __builtin_convertvector(p, type)
#define SUM8(a, b) vector8 a = (b) + (vector8){0, 0, 0, 0, 0, 0, 0, 0}
#define ADD8(a, w, p) a += WIDEN((short)(w) * WIDEN(*(const bytes8 *)(p), shorts8), vector8)
#define PUT2(p, a, n) PUT1((p) + n, a[n]); PUT1((p) + n + 1, a[n + 1])
#define PUT8(p, a) PUT2(p, a, 0); PUT2(p, a, 2); PUT2(p, a, 4); PUT2(p, a, 6)
#else
#define SUM8(a, b) SUM4(a##l, b); SUM4(a##h, b)
#define ADD8(a, w, p) ADD4(a##l, w, p); ADD4(a##h, w, (p) + 4)
#define PUT8(p, a) PUT4(p, a##l); PUT4((p) + 4, a##h)
#endif
#define SUM1(a, b) int a = (b)
#define ADD1(a, w, p) a += (w) * *(p)
#define PUT1(p, a) *(p) = rescaled(a, multiplier, shift, limit)
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
        body, sums = convolution(name, stage, encoded, place, _constants(name, rescale), numbers, NARROW), 0
    else:
        body, sums = _linear(name, stage, encoded, rescale, numbers), stage.head_shape[0]
    buffers = {SUMS: sums, **planes_of(stage, numbers)}
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
    to, stride = target_of(stage, place, numbers)
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
    return framed(name, about, arrays, types, [*cleared(stage, place), *body], planes_of(stage, numbers))


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


def _constants(name: str, rescale: Rescale) -> list[str]:
    """Return the lines that declare the numbers of a channel of a convolution."""
    return [
        f"const int bias = {name}_bias[channel], multiplier = {name}_multipliers[channel];",
        f"const int shift = {name}_shifts[channel], limit = {rescale.limit};",
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
