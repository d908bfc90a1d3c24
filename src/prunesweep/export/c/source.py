"""The C text of stages: one function each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prunesweep.export.c.arrays import constant, type_of
from prunesweep.export.c.blocks import Block, blocks, sums
from prunesweep.export.c.encoding import Dense, Sparse, encode
from prunesweep.export.c.layers import Activation, Array, Conv
from prunesweep.export.c.stages import Stage
from prunesweep.export.c.tails import REAL, Numbers, activations, plane_sizes, tail

LONG_ROW = 6
"""The mean number of weights of an input from which it is worth to ask whether the input is zero."""


@dataclass(frozen=True)
class Function:
    """The C text of a stage.

    Attributes:
        name: The name of the function. It has the parameters `in` and `out`.
        lines: Its text, with the arrays that it reads.
        buffers: The number of values that it needs in static buffers, by name.
        nbytes: The size of its arrays.
    """

    name: str
    lines: list[str]
    buffers: dict[str, int]
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
    if isinstance(stage.head, Conv):
        body = convolution(name, stage, encoded, place, [f"const float bias = {name}_bias[channel];"])
    else:
        body = _linear(name, stage, encoded)
    return framed(
        name,
        summary(stage, encoded),
        {**arrays_of(_in_order(stage, encoded)), "bias": stage.head.bias.astype(np.float32)},
        ("float", "float"),
        [*cleared(stage, place), *body],
        planes_of(stage, REAL),
    )


def framed(
    name: str,
    about: str,
    arrays: Mapping[str, Array],
    types: tuple[str, str],
    body: Sequence[str],
    buffers: dict[str, int],
) -> Function:
    """Return a function.

    Args:
        name: Its name.
        about: The text of the comment before it.
        arrays: The arrays that it reads, by the last part of their names.
        types: The types of values in `in` and `out`.
        body: The lines of its body.
        buffers: The number of values that it needs in static buffers, by name.
    """
    constants = {part: array for part, array in arrays.items() if array.size}  # C does not have arrays without elements
    lines = [
        f"/* {about} */",
        *(line for part, array in constants.items() for line in constant(f"{name}_{part}", array)),
        "",
        f"static void {name}(const {types[0]} *restrict in, {types[1]} *restrict out)",
        "{",
        *(f"    {line}" for line in body),
        "}",
        "",
    ]
    return Function(name, lines, buffers, sum(array.nbytes for array in arrays.values()))


def cleared(stage: Stage, place: Place) -> list[str]:
    """Return the lines that set the padding around the result of `stage` to zero, and with it all of the result."""
    if place.size == np.prod(stage.output_shape):
        return []
    return [f"for (int i = 0; i < {place.size}; i++)", "    out[i] = 0;"]


def summary(stage: Stage, encoded: Sparse | Dense) -> str:
    """Return a description of `stage` in one line."""
    kind = "convolution" if isinstance(stage.head, Conv) else "linear layer"
    shapes = " -> ".join("x".join(map(str, shape)) for shape in (stage.input_shape, stage.output_shape))
    form = "stored densely" if isinstance(encoded, Dense) else f"{encoded.weights.size} weights stored sparsely"
    return f"A {kind}, {shapes}, {form}."


def arrays_of(encoded: Sparse | Dense) -> dict[str, Array]:
    """Return the arrays of weights by name."""
    if isinstance(encoded, Dense):
        return {"weights": encoded.weights}
    if not encoded.weights.size:
        return {}
    return {"counts": encoded.counts, "places": encoded.places, "weights": encoded.weights}


def _in_order(stage: Stage, encoded: Sparse | Dense) -> Sparse | Dense:
    """Return the weights of a dense linear layer in the order in which the blocks of outputs read them."""
    if isinstance(encoded, Sparse) or isinstance(stage.head, Conv):
        return encoded
    weights = encoded.weights
    parts = [
        weights[:, block.begin + repeat * block.width :][:, : block.width].reshape(-1)
        for block in blocks(1, weights.shape[1])
        for repeat in range(block.repeats)
    ]
    return Dense(np.concatenate(parts))


def planes_of(stage: Stage, numbers: Numbers) -> dict[str, int]:
    """Return the number of values that `stage` needs in each plane, by name."""
    if not isinstance(stage.head, Conv):
        return {}
    return dict(zip(numbers.planes, plane_sizes(stage.tail, stage.head_shape[1:]), strict=True))


def target_of(stage: Stage, place: Place, numbers: Numbers) -> tuple[str, int]:
    """Return where a channel of the head is written, and the distance between its rows."""
    pooled = any(not isinstance(step, Activation) for step in stage.tail)
    return (numbers.planes[0], stage.head_shape[2]) if pooled else ("target", place.row)


def convolution(
    name: str,
    stage: Stage,
    encoded: Sparse | Dense,
    place: Place,
    constants: Sequence[str],
    numbers: Numbers = REAL,
    inputs: str = "float",
) -> list[str]:
    """Return the lines that compute a convolution and what follows it.

    Args:
        name: The name of the function.
        stage: The stage.
        encoded: Its weights.
        place: Where it writes its result.
        constants: The lines that declare the numbers of a channel: `bias`, and what the macros PUT use.
        numbers: The numbers of its result.
        inputs: The type of its inputs.
    """
    channels, height, width = stage.head_shape
    to, stride = target_of(stage, place, numbers)
    start, loops, source, end = _weights(name, stage, encoded)
    body = [
        f"{numbers.stored} *target = out + channel * {place.channel} + {place.first};",
        *constants,
        *start,
        *_rows(stage, loops, source, to, stride, inputs),
        *end,
        *tail(stage.tail, (height, width), "target", place.row, numbers),
    ]
    return [
        *_pointers(name, encoded),
        f"for (int channel = 0; channel < {channels}; channel++) {{",
        *(f"    {line}" for line in body),
        "}",
    ]


def _pointers(name: str, encoded: Sparse | Dense) -> list[str]:
    if not encoded.weights.size:
        return ["(void)in;"]
    weight = f"const {type_of(encoded.weights)} *weight = {name}_weights;"
    return (
        [weight] if isinstance(encoded, Dense) else [f"const {type_of(encoded.places)} *place = {name}_places;", weight]
    )


def _weights(name: str, stage: Stage, encoded: Sparse | Dense) -> tuple[list[str], list[str], str, list[str]]:
    """Return how a convolution reads the weights of one channel.

    Returns:
        The lines before all loops, the loops over weights, the address of a weight's input for the first window, and
        the lines after all loops.
    """
    kind = type_of(encoded.weights)
    if isinstance(encoded, Sparse):
        if not encoded.weights.size:
            return [], [], "", []
        loop = ["for (int k = 0; k < count; k++) {", f"    const {kind} w = weight[k];"]
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
        f"const {kind} *next = weight;",
        f"for (int i = 0; i < {inputs}; i++) {{",
        f"    for (int r = 0; r < {rows}; r++) {{",
        f"        for (int c = 0; c < {columns}; c++) {{",
        f"            const {kind} w = *next++;",
    ]
    source = f"in + i * {height * width} + r * {down * width} + c * {right}"
    return [], loops, source, [f"weight += {inputs * rows * columns};"]


def _rows(stage: Stage, loops: list[str], source: str, target: str, stride: int, inputs: str) -> list[str]:
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
            inputs,
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
        [
            f"for (int i = 0; i < {outputs}; i++)",
            f"    out[i] = {name}_bias[i];",
            *sparse_linear(name, encoded, inputs, "out", "float"),
        ]
        if isinstance(encoded, Sparse)
        else _dense_linear(name, inputs, outputs)
    )
    return [*lines, *activations(steps, "out", (1, outputs), outputs)]


def sparse_linear(name: str, encoded: Sparse, inputs: int, sums: str, kind: str) -> list[str]:
    """Return the lines that add each weight times its input, whose type is `kind`, to the array `sums`."""
    if not encoded.weights.size:
        return ["(void)in;"]
    asks = encoded.weights.size >= LONG_ROW * inputs
    return [
        *_pointers(name, encoded),
        f"for (int i = 0; i < {inputs}; i++) {{",
        f"    const int count = {name}_counts[i];",
        f"    const {kind} v = in[i];",
        *(["    if (v != 0)"] if asks else []),
        f"    {'    ' * asks}for (int k = 0; k < count; k++)",
        f"    {'    ' * asks}    {sums}[place[k]] += weight[k] * v;",
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
