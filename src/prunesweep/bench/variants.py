"""The variants of a network whose latency is compared: ways to compute it, dense and pruned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from prunesweep.bench.c_library import c_timers
from prunesweep.bench.sparse_torch import sparse_copy
from prunesweep.bench.timing import Timers, python_timers
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


def _onnx(subject: Subject) -> Timers:
    content = pack_network(onnx_graph.FORMAT, subject.dense, replace(subject.description, format="onnx"))
    return python_timers(onnx_graph.load(content, subject.description), subject.images.contiguous())


def _dense_c(subject: Subject) -> Timers:
    return c_timers(c_file(subject.dense, subject.description, dense=True), subject.description, subject.images)


def _sparse_c(subject: Subject) -> Timers:
    return c_timers(save(subject.exported, subject.description).decode(), subject.description, subject.images)


SPARSE_C = "C, sparse"
"""The variant with which the others are compared."""

VARIANTS: Mapping[str, Callable[[Subject], Timers]] = {
    "torch, dense": lambda subject: python_timers(subject.dense, subject.images),
    "torch, masked": lambda subject: python_timers(subject.pruned, subject.images),
    "torch, sparse CSR": lambda subject: python_timers(sparse_copy(subject.pruned), subject.images),
    "onnxruntime, dense": _onnx,
    "C, dense": _dense_c,
    SPARSE_C: _sparse_c,
}
"""Name -> function that returns the timers of a variant. It raises a UsageError if the variant is not possible."""


def prepared(subject: Subject) -> tuple[dict[str, Timers], list[str]]:
    """Return the timers by name, and a note for each variant that is not possible with this network or machine."""
    result, notes = {}, []
    for name, make in VARIANTS.items():
        try:
            timers = make(subject)
            timers(1)(1)
            result[name] = timers
        except UsageError as error:
            notes.append(f"{name} is left out: {error}")
        except Exception as error:  # a custom network may use operations that a variant does not support
            notes.append(f"{name} is left out: it cannot compute this network ({summary(error)}).")
    return result, notes
