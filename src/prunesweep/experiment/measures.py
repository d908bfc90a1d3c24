"""Figures of the final network that a run measures only if it is asked to: the sizes of files, and a latency.

They are asked for with `measure`, or as objectives of a search. Each one is an observation, so a store keeps it: the
same network is measured once. How they are measured is defined in `bench/measures.py`. That folder needs the formats of
exported files, which need this folder, so its classes are imported by their names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pkgutil import resolve_name
from typing import Any

from torch import nn

from prunesweep.chain.context import Context
from prunesweep.chain.observations import Observation
from prunesweep.chain.state import State
from prunesweep.chain.steps import NOT_IN_DIGEST, Record
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.models.tensors import load_tensors
from prunesweep.quantization.settings import Int8

CLASSES = {
    "file_bytes": "prunesweep.bench.measures.FileBytes",
    "packed_bytes": "prunesweep.bench.measures.PackedBytes",
    "latency_us": "prunesweep.bench.measures.Latency",
}
"""The import path of the measure of each field of the result in `MEASURED`."""


@dataclass(frozen=True)
class Measure(Observation, ABC):
    """A measurement of an exported network.

    Attributes:
        result: The fields of the result that exported files contain. The measured state implies them.
    """

    result: Mapping[str, Any] = field(default_factory=dict, metadata=NOT_IN_DIGEST, compare=False)

    def observe(self, state: State, context: Context) -> Record:
        model = context.template()
        load_tensors(model, {name: tensor.cpu() for name, tensor in state.weights.items()})
        return {"value": self.value(model.eval(), context)}

    def fits(self, record: Record) -> bool:
        return record.keys() == {"value"} and type(record["value"]) in (int, float)

    def of(self, result: Mapping[str, Any]) -> Measure:
        """Return this measurement of the network with the given fields of a result."""
        return replace(self, result=result)

    @abstractmethod
    def value(self, model: nn.Module, context: Context) -> float:
        """Return the figure of `model`, which is in evaluation mode and on the CPU."""

    @staticmethod
    @abstractmethod
    def check(context: Context) -> None:
        """Check that this machine can measure the network of `context`.

        Raises:
            UsageError: A tool or a package is missing, or the format cannot contain the network.
        """


def measures(config: RunConfig, context: Context) -> dict[str, Measure]:
    """Return what a run with `config` measures, by the field of the result.

    Raises:
        UsageError: It cannot be measured. Nothing has been computed.
    """
    found: dict[str, Measure] = {}
    for name in config.measured:
        if isinstance(config.quantize, Int8):
            raise UsageError(
                f"measure={name}: the run has quantize=int8, and only networks of floating-point numbers can be "
                "measured. Use quantize=codebook or quantize=none."
            )
        chosen: type[Measure] = resolve_name(CLASSES[name])
        try:
            chosen.check(context)
        except UsageError as error:
            raise UsageError(f"measure={name}: {error}") from error
        found[name] = chosen()
    return found


def check_measures(configs: Iterable[RunConfig]) -> None:
    """Check that this machine can measure what the runs of a sweep ask for, before the first of them starts.

    Raises:
        UsageError: It cannot.
    """
    distinct = {(*each.measured, repr((each.model, each.dataset, each.quantize))): each for each in configs}
    for config in distinct.values():
        measures(config, Context(config.model, config.dataset, "cpu"))
