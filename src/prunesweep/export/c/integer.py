"""The C file of an integer program."""

from __future__ import annotations

import numpy as np

from prunesweep.export.c.generate import BUFFERS, Kind, file_of, shape_of
from prunesweep.export.c.integer_graph import layers_of_integers
from prunesweep.export.c.integer_source import (
    HELPERS,
    NARROW,
    SUMS,
    WIDE,
    WIDE_PLANES,
    integer_function,
    pixel_function,
    stored,
)
from prunesweep.export.c.layers import Scale
from prunesweep.export.c.source import Function
from prunesweep.export.c.stages import Stage, each_channel, fuse
from prunesweep.export.c.tails import PLANES
from prunesweep.export.c.unused import without_unused
from prunesweep.export.description import Description
from prunesweep.quantization.integer import IntegerNetwork

RESULT = "integers"
"""The buffer of the logits before they become real numbers."""


def integer_file(network: IntegerNetwork, description: Description, *, dense: bool = False) -> str:
    """Return the C text of `network`, which computes the same integers.

    Args:
        network: The integer program.
        description: Its data and its accuracy.
        dense: Keep all weights, also those without an effect, for comparison.

    Raises:
        NotSupported: The network contains something that C files cannot contain.
    """
    stages = integer_stages(network, description, dense=dense)

    def function(name: str, stage: Stage, after: Stage | None) -> Function:
        if stage is stages[0]:
            return pixel_function(name, stage, after, description, float(network.input_multiplier))
        return integer_function(name, stage, after, dense=dense)

    narrow, wide = (*BUFFERS, *PLANES), (SUMS, *WIDE_PLANES)
    kind = Kind(
        HELPERS,
        function,
        types={**dict.fromkeys(narrow, NARROW), **dict.fromkeys(wide, WIDE), RESULT: stored(stages[-1])},
        result=RESULT,
        ending=[
            f"for (int k = 0; k < {description.classes}; k++)",
            f"    logits[k] = (float)({RESULT}[k] * {network.output_scale!r});",
        ],
        about="Weights and activations are integers of 8 bits, sums are integers of 32 bits.",
    )
    return file_of(stages, description, kind)


def integer_stages(network: IntegerNetwork, description: Description, *, dense: bool) -> list[Stage]:
    """Return the stages of `network`, unless `dense` without channels that no later stage uses.

    The first stage makes integers of pixels.
    """
    shape = shape_of(description)
    pixels = Scale("pixels", np.ones(shape[0]), np.zeros(shape[0]))
    first, *others = fuse(layers_of_integers(network, shape), Stage(each_channel(pixels), (), shape))
    return [first, *(others if dense else without_unused(others))]
