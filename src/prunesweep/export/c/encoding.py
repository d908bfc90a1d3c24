"""The weights of a stage as read-only arrays: only those that are not zero and their places, or all if that is smaller.

A sparse convolution lists its weights by output channel. A sparse linear layer lists them by input, so that an input of
zero skips all its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prunesweep.export.c.arrays import smallest
from prunesweep.export.c.layers import Array, Conv
from prunesweep.export.c.stages import Stage


@dataclass(frozen=True)
class Sparse:
    """Weights that are not zero.

    Attributes:
        counts: The number of weights of each output channel of a convolution, or of each input of a linear layer.
        places: For each weight, the offset of its input from the window's corner, or the output of a linear layer.
        weights: The weights, float32 or int8.
    """

    counts: Array
    places: Array
    weights: Array

    @property
    def nbytes(self) -> int:
        """The size of the arrays."""
        return self.counts.nbytes + self.places.nbytes + self.weights.nbytes


@dataclass(frozen=True)
class Dense:
    """All weights, float32 or int8: `[out, in, height, width]` of a convolution, `[in, out]` of a linear layer."""

    weights: Array

    @property
    def nbytes(self) -> int:
        """The size of the array."""
        return self.weights.nbytes


def encode(stage: Stage, *, dense: bool) -> Sparse | Dense:
    """Return the weights of `stage` in the smaller form.

    Args:
        stage: A stage.
        dense: Store all weights, also those that are zero, for comparison. Grouped convolutions have one form only, a
            list of weights.
    """
    weight = stage.head.weight.astype(np.int8 if stage.head.rescale else np.float32)
    if isinstance(stage.head, Conv):
        sparse = _sparse_conv(replace(stage.head, weight=weight), stage.padded_shape[1:], dense=dense)
        if not stage.head.connected.all():
            return sparse
        full = Dense(weight)
    else:
        sparse = _sparse_linear(weight)
        full = Dense(weight.T)
    return full if dense or full.nbytes <= sparse.nbytes else sparse


def _sparse_conv(head: Conv, size: tuple[int, int], *, dense: bool) -> Sparse:
    """Return the list of weights of `head`, whose padded input has the given height and width."""
    height, width = size
    output, channel, row, column = np.nonzero(head.connected if dense else head.weight)
    places = (channel * height + row * head.dilation[0]) * width + column * head.dilation[1]
    counts = np.bincount(output, minlength=len(head.weight))
    return Sparse(smallest(counts), smallest(places), head.weight[output, channel, row, column])


def _sparse_linear(weight: Array) -> Sparse:
    """Return the list of weights of `weight` `[out, in]`."""
    inputs, outputs = np.nonzero(weight.T)
    counts = np.bincount(inputs, minlength=weight.shape[1])
    return Sparse(smallest(counts), smallest(outputs), weight.T[inputs, outputs])
