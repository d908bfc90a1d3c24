"""The C text of stages: one function each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunesweep.export.c.arrays import constant, type_of
from prunesweep.export.c.blocks import Block, blocks, sums
from prunesweep.export.c.encoding import Dense, Sparse, encode
from prunesweep.export.c.layers import Activation, Array, Conv
from prunesweep.export.c.stages import Stage
from prunesweep.export.c.tails import PLANES, activations, plane_sizes, tail

LONG_ROW = 6
"""The mean number of weights of an input from which it is worth to ask whether the input is zero."""


@dataclass(frozen=True)
class Function:
    """The C text of a stage.

    Attributes:
        name: The name of the function. It has the parameters `in` and `out`.
        lines: Its text, with the arrays that it reads.
        planes: The number of values that it needs in each of the buffers `PLANES`.
        nbytes: The size of its arrays.
    """

    name: str
    lines: list[str]
    planes: list[int]
    nbytes: int


@dataclass(frozen=True)
class Place:
    """Where a stage writes its result: the inner part of a padded buffer.

    Attributes:
        size: The number of values in the buffer.
        channel: The distance between channels.
        row: The distance between rows.
        first: The place of the first value.
    """

    size: int
    channel: int
    row: int
    first: int

    @staticmethod
    def before(stage: Stage | None, result: Stage) -> Place:
        """Return the place of `result`, which `stage` reads. None: the logits."""
        if stage is None or not any(stage.padding):
            channels, height, width = result.output_shape
            return Place(channels * height * width, height * width, width, 0)
        channels, height, width = stage.padded_shape
        top, _, left, _ = stage.padding
        return Place(channels * height * width, height * width, width, top * width + left)


def function(name: str, stage: Stage, after: Stage | None, *, dense: bool) -> Function:
    """Return the C function that computes `stage`.

    Args:
        name: Its name.
        stage: The stage.
        after: The stage that reads its result. None: the result is the logits.
        dense: Store all weights, also those that are zero.
    """
    encoded = encode(stage, dense=dense)
    place = Place.before(after, stage)
    bias = stage.head.bias.astype(np.float32)
    body = _conv(name, stage, encoded, place) if isinstance(stage.head, Conv) else _linear(name, stage, encoded)
    clear = (
        []
        if place.size == np.prod(stage.output_shape)
        else [f"for (int i = 0; i < {place.size}; i++)", "    out[i] = 0;"]
    )
    lines = [
        f"/* {_summary(stage, encoded)} */",
        *_constants(name, encoded, stage),
        *constant(f"{name}_bias", bias),
        "",
        f"static void {name}(const float *restrict in, float *restrict out)",
        "{",
        *(f"    {line}" for line in [*clear, *body]),
        "}",
        "",
    ]
    planes = plane_sizes(stage.tail, stage.head_shape[1:]) if isinstance(stage.head, Conv) else [0, 0]
    return Function(name, lines, planes, encoded.nbytes + bias.nbytes)


def _summary(stage: Stage, encoded: Sparse | Dense) -> str:
    kind = "convolution" if isinstance(stage.head, Conv) else "linear layer"
    shapes = " -> ".join("x".join(map(str, shape)) for shape in (stage.input_shape, stage.output_shape))
    form = "stored densely" if isinstance(encoded, Dense) else f"{encoded.weights.size} weights stored sparsely"
    return f"A {kind}, {shapes}, {form}."


def _constants(name: str, encoded: Sparse | Dense, stage: Stage) -> list[str]:
    if isinstance(encoded, Dense):
        weights = encoded.weights if isinstance(stage.head, Conv) else _by_blocks(encoded.weights)
        return constant(f"{name}_weights", weights)
    if not encoded.weights.size:
        return []  # C does not have arrays without elements
    arrays = {"counts": encoded.counts, "places": encoded.places, "weights": encoded.weights}
    return [line for part, array in arrays.items() for line in constant(f"{name}_{part}", array)]


def _by_blocks(weights: Array) -> Array:
    """Return `weights` `[in, out]` in the order in which the blocks of outputs read them."""
    parts = [
        weights[:, block.begin + repeat * block.width :][:, : block.width].reshape(-1)
        for block in blocks(1, weights.shape[1])
        for repeat in range(block.repeats)
    ]
    return np.concatenate(parts)


def _conv(name: str, stage: Stage, encoded: Sparse | Dense, place: Place) -> list[str]:
    channels, height, width = stage.head_shape
    pooled = any(not isinstance(step, Activation) for step in stage.tail)
    to, stride = (PLANES[0], width) if pooled else ("target", place.row)
    empty = isinstance(encoded, Sparse) and not encoded.weights.size
    start, loops, source, end = _weights(name, stage, encoded)
    body = [
        f"float *target = out + channel * {place.channel} + {place.first};",
        f"const float bias = {name}_bias[channel];",
        *start,
        *_rows(stage, [] if empty else loops, source, to, stride),
        *end,
        *tail(stage.tail, (height, width), "target", place.row),
    ]
    return [
        *_pointers(name, encoded, unused=empty),
        f"for (int channel = 0; channel < {channels}; channel++) {{",
        *(f"    {line}" for line in body),
        "}",
    ]


def _pointers(name: str, encoded: Sparse | Dense, *, unused: bool) -> list[str]:
    if unused:
        return ["(void)in;"]
    weight = f"const float *weight = {name}_weights;"
    return (
        [weight] if isinstance(encoded, Dense) else [f"const {type_of(encoded.places)} *place = {name}_places;", weight]
    )


def _weights(name: str, stage: Stage, encoded: Sparse | Dense) -> tuple[list[str], list[str], str, list[str]]:
    """Return how a convolution reads the weights of one channel.

    Returns:
        The lines before all loops, the loops over weights, the address of a weight's input for the first window, and
        the lines after all loops.
    """
    if isinstance(encoded, Sparse):
        if not encoded.weights.size:
            return [], [], "", []
        loop = ["for (int k = 0; k < count; k++) {", "    const float w = weight[k];"]
        return (
            [f"const int count = {name}_counts[channel];"],
            loop,
            "in + place[k]",
            ["place += count;", "weight += count;"],
        )
    assert isinstance(stage.head, Conv)
    _, inputs, rows, columns = stage.head.weight.shape
    _, height, width = stage.padded_shape
    down, right = stage.head.dilation
    loops = [
        "const float *next = weight;",
        f"for (int i = 0; i < {inputs}; i++) {{",
        f"    for (int r = 0; r < {rows}; r++) {{",
        f"        for (int c = 0; c < {columns}; c++) {{",
        "            const float w = *next++;",
    ]
    source = f"in + i * {height * width} + r * {down * width} + c * {right}"
    return [], loops, source, [f"weight += {inputs * rows * columns};"]


def _rows(stage: Stage, loops: list[str], source: str, target: str, stride: int) -> list[str]:
    """Return the lines that compute one channel of a convolution, block by block."""
    assert isinstance(stage.head, Conv)
    _, height, width = stage.head_shape
    padded, (down, right) = stage.padded_shape[2], stage.head.stride
    parts = blocks(height, width) if (down, right) == (1, 1) else [Block(1, 0, 1, width)]
    lines = [f"for (int y = 0; y < {height}; y += {parts[0].rows}) {{"]
    for block in parts:
        x = f"x * {right} + " if block.repeats > 1 else f"{block.begin} + " if block.begin else ""
        begin = "x + " if block.repeats > 1 else f"{block.begin} + " if block.begin else ""
        text = sums(
            block,
            "bias",
            loops,
            f"{source} + {x}y * {down * padded}",
            f"{target} + {begin}y * {stride}",
            (padded, stride),
        )
        lines += _repeated(block, text)
    return [*lines, "}"]


def _repeated(block: Block, text: list[str]) -> list[str]:
    """Return the lines of a block, repeated along a row if necessary, one level deeper."""
    end = block.begin + block.repeats * block.width
    head = f"for (int x = {block.begin}; x < {end}; x += {block.width}) {{" if block.repeats > 1 else "{"
    return [f"    {head}", *(f"        {line}" for line in text), "    }"]


def _linear(name: str, stage: Stage, encoded: Sparse | Dense) -> list[str]:
    inputs, outputs = stage.input_shape[0], stage.head_shape[0]
    steps = [step for step in stage.tail if isinstance(step, Activation)]
    lines = (
        _sparse_linear(name, encoded, inputs, outputs)
        if isinstance(encoded, Sparse)
        else _dense_linear(name, inputs, outputs)
    )
    return [*lines, *activations(steps, "out", (1, outputs), outputs)]


def _sparse_linear(name: str, encoded: Sparse, inputs: int, outputs: int) -> list[str]:
    lines = [f"for (int i = 0; i < {outputs}; i++)", f"    out[i] = {name}_bias[i];"]
    if not encoded.weights.size:
        return ["(void)in;", *lines]
    asks = encoded.weights.size >= LONG_ROW * inputs
    return [
        *_pointers(name, encoded, unused=False),
        *lines,
        f"for (int i = 0; i < {inputs}; i++) {{",
        f"    const int count = {name}_counts[i];",
        "    const float v = in[i];",
        *(["    if (v != 0)"] if asks else []),
        f"    {'    ' * asks}for (int k = 0; k < count; k++)",
        f"    {'    ' * asks}    out[place[k]] += weight[k] * v;",
        "    place += count;",
        "    weight += count;",
        "}",
    ]


def _dense_linear(name: str, inputs: int, outputs: int) -> list[str]:
    loops = [f"for (int i = 0; i < {inputs}; i++) {{", "    const float w = in[i];"]
    lines: list[str] = []
    for block in blocks(1, outputs):
        begin = "x" if block.repeats > 1 else str(block.begin)
        source = f"{name}_weights + {begin} * {inputs} + i * {block.width}"
        lines += _repeated(block, sums(block, "0", loops, source, f"out + {begin}", (0, 0)))
    return [*lines, f"for (int i = 0; i < {outputs}; i++)", f"    out[i] += {name}_bias[i];"]
