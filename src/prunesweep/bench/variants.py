"""The variants of a network whose latency is compared: ways to compute it, dense and pruned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from prunesweep.bench.c_library import c_timer
from prunesweep.bench.sparse_torch import sparse_copy
from prunesweep.bench.timing import Timer, python_timer
from prunesweep.errors import UsageError
from prunesweep.export import onnx_graph
from prunesweep.export.c.form import save
from prunesweep.export.c.generate import c_file
from prunesweep.export.description import Description
from prunesweep.export.formats import summary
from prunesweep.export.write import pack_network


@dataclass(frozen=True)
class Subject:
    """The networks of a run, and images.

    Attributes:
        dense: The dense network, on the CPU, in evaluation mode. Its weights have no influence on its latency.
        pruned: The network with the run's weights, of which the pruned ones are exactly zero.
        exported: The run's network as files contain it: an `IntegerNetwork` if it computes with integers.
        description: The description of the run's network.
        images: Normalized images `[n, channels, height, width]`.
    """

    dense: nn.Module
    pruned: nn.Module
    exported: nn.Module
    description: Description
    images: Tensor


def _onnx(subject: Subject, batch: int) -> Timer:
    content = pack_network(onnx_graph.FORMAT, subject.dense, replace(subject.description, format="onnx"))
    return python_timer(onnx_graph.load(content, subject.description), subject.images.contiguous(), batch)


def _c(text: str, subject: Subject, batch: int) -> Timer:
    return c_timer(text, subject.description, subject.images, batch)


SPARSE_C = "C, sparse"
"""The variant with which the others are compared."""

VARIANTS: Mapping[str, Callable[[Subject, int], Timer]] = {
    "torch, dense": lambda subject, batch: python_timer(subject.dense, subject.images, batch),
    "torch, masked": lambda subject, batch: python_timer(subject.pruned, subject.images, batch),
    "torch, sparse CSR": lambda subject, batch: python_timer(sparse_copy(subject.pruned), subject.images, batch),
    "onnxruntime, dense": _onnx,
    "C, dense": lambda subject, batch: _c(c_file(subject.dense, subject.description, dense=True), subject, batch),
    SPARSE_C: lambda subject, batch: _c(save(subject.exported, subject.description).decode(), subject, batch),
}
"""Name -> function that returns a timer of batches of a given size. It raises a UsageError if it is not possible."""


def timers(subject: Subject, batch: int) -> tuple[dict[str, Timer], list[str]]:
    """Return the timers by name, and a note for each variant that is not possible with this network or machine."""
    result, notes = {}, []
    for name, make in VARIANTS.items():
        try:
            timer = make(subject, batch)
            timer(1)
            result[name] = timer
        except UsageError as error:
            notes.append(f"{name} is left out: {error}")
        except Exception as error:  # a custom network may use operations that a variant does not support
            notes.append(f"{name} is left out: it cannot compute this network ({summary(error)}).")
    return result, notes
