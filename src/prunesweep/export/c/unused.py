"""Output channels that no later stage uses: they take neither time nor memory in the C file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prunesweep.export.c.layers import Array, Conv
from prunesweep.export.c.stages import Stage


def without_unused(stages: Sequence[Stage]) -> list[Stage]:
    """Return `stages` without output channels that no later stage uses. The classes are never removed."""
    result = [stages[-1]]
    for stage in reversed(stages[:-1]):
        after = result[0]
        inputs = _used_inputs(after)
        used: Array = np.logical_or.reduce(inputs.reshape(len(stage.head.weight), -1), axis=1)  # [channels]
        used[0] |= not used.any()  # C does not have arrays without elements
        result[0] = _with_inputs(after, used.repeat(len(inputs) // len(used)))
        result.insert(0, _with_outputs(stage, used))
    return result


def _used_inputs(stage: Stage) -> Array:
    """Return which input channels, or values of the input of a linear layer, a stage uses."""
    weight = stage.head.weight
    return (weight.swapaxes(0, 1).reshape(weight.shape[1], -1) != 0).any(1)  # type: ignore[no-any-return]


def _with_inputs(stage: Stage, kept: Array) -> Stage:
    head = replace(stage.head, weight=stage.head.weight[:, kept])
    if isinstance(head, Conv):
        head = replace(head, connected=head.connected[:, kept])
    return replace(stage, head=head, input_shape=(int(kept.sum()), *stage.input_shape[1:]))


def _with_outputs(stage: Stage, kept: Array) -> Stage:
    rescale = stage.head.rescale.select(kept) if stage.head.rescale else None
    head = replace(stage.head, weight=stage.head.weight[kept], bias=stage.head.bias[kept], rescale=rescale)
    if isinstance(head, Conv):
        head = replace(head, connected=head.connected[kept])
    return replace(stage, head=head)
