"""The latency of a network as a C file: what a small processor without a framework takes for one image."""

from __future__ import annotations

from torch import Tensor, nn

from prunesweep.bench.c_library import c_timers
from prunesweep.bench.timing import Times, interleaved
from prunesweep.export.c.form import save
from prunesweep.export.description import Description

ROUNDS = 100
TURN = 2e-4
"""The seconds of one measurement: short, because the latencies of a search are measured while other runs train."""


def latency_us(model: nn.Module, description: Description, images: Tensor, *, rounds: int = ROUNDS) -> Times:
    """Return the microseconds that `model` takes for one image as a C file, compiled with -O2, on one thread.

    The time depends on the images, because the file skips inputs of zero: measure with images of the data set.

    Args:
        model: The network in evaluation mode, on the CPU, with pruned weights exactly zero, or an `IntegerNetwork`. It
            is not modified.
        description: Its data. Of the network's own figures, such as its accuracy, nothing is used.
        images: Normalized images `[n, channels, height, width]`, which are classified in turn.
        rounds: The number of measurements, at least 1.

    Raises:
        NotSupported: The network contains something that C files cannot contain.
        UsageError: This machine does not have a C compiler, or the compiler fails.
    """
    timer = c_timers(save(model, description).decode(), description, images)(1)
    return interleaved({"c": timer}, rounds, TURN)["c"]
