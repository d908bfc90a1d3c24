"""The shortest paths of weights from the image to the units of a network.

A unit is an output channel or a neuron. A path costs the sum of the lengths of its weights. Layers run in a fixed
order, so one pass in this order finds the shortest paths to all units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

IMAGE, OUTPUT = "(image)", "(output)"
"""The image is the first source, with one unit. The outputs are the last reader, with one input for each class."""

Lengths = Mapping[str, Tensor]
"""Name of a weight -> the lengths of its entries, float64, in its shape. Other weights have the length 0."""

Place = tuple[str, int]
"""A weight, and the position of one of its entries in the flattened tensor; or a source, and one of its units."""


@dataclass(frozen=True)
class Wiring:
    """Which units read which, through everything between the layers.

    Attributes:
        units: Weight of a layer that can be followed (`conv1.weight`) -> the number of its output units and of its
            inputs, in the order in which the layers run.
        reads: Reader -> source -> `[inputs of the reader, output units of the source]`, true where an input depends on
            a unit. A reader is a weight or `OUTPUT`, a source a weight or `IMAGE`.
    """

    units: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    reads: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)


class Paths:
    """The shortest paths from the image, or from another source.

    Attributes:
        inputs: Reader -> the distance of each of its inputs `[in]`, infinite where no path leads.
        outputs: Source -> the distance of each of its units `[out]`.
    """

    def __init__(self, wiring: Wiring, lengths: Lengths, start: Mapping[str, Tensor] | None = None) -> None:
        """Find the paths that begin at the units of `start`: source -> the distance of each; by default the image."""
        self._wiring, self._lengths = wiring, lengths
        self._start = {IMAGE: torch.zeros(1, dtype=torch.float64)} if start is None else start
        self.inputs: dict[str, Tensor] = {}
        self.outputs = dict(self._start)
        for reader in (*wiring.units, OUTPUT):
            distances = [self._read(reader, source).amin(1) for source in self._sources(reader)]
            if distances:
                self.inputs[reader] = torch.stack(distances).amin(0)
                if reader not in (*self.outputs, OUTPUT):
                    self.outputs[reader] = (self.inputs[reader][:, None] + self._shaped(reader)).flatten(1).amin(1)

    def through(self, weight: str) -> Paths:
        """Return the paths that continue from the units of one layer, at their distances."""
        return Paths(self._wiring, self._lengths, {weight: self.outputs[weight]})

    @property
    def classes(self) -> Tensor:
        """The distance of each class `[classes]`; empty if no layer can be followed."""
        return self.inputs.get(OUTPUT, torch.empty(0, dtype=torch.float64))

    def to_class(self, index: int) -> tuple[list[Place], Place]:
        """Return the weights of the shortest path to a class, last layer first, and the unit at which it begins."""
        return self.to_unit(*self._nearest(OUTPUT, index))

    def to_unit(self, source: str, unit: int) -> tuple[list[Place], Place]:
        """Return the weights of the shortest path to a unit, last layer first, and the unit at which it begins."""
        places = []
        while source not in self._start:
            lengths = self._shaped(source)[unit]  # [in, positions]
            best = int((self.inputs[source][:, None] + lengths).argmin())
            places.append((source, unit * lengths.numel() + best))
            source, unit = self._nearest(source, best // lengths.shape[1])
        return places, (source, unit)

    def _shaped(self, weight: str) -> Tensor:
        """Return the lengths of a weight as `[out, in, positions in the kernel]`."""
        out, inputs = self._wiring.units[weight]
        lengths = self._lengths.get(weight)
        return torch.zeros(out, inputs, 1, dtype=torch.float64) if lengths is None else lengths.view(out, inputs, -1)

    def _sources(self, reader: str) -> list[str]:
        return [source for source in self._wiring.reads.get(reader, {}) if source in self.outputs]

    def _read(self, reader: str, source: str) -> Tensor:
        """Return the distance of each unit from which each input can read, `[in, out]`."""
        return self.outputs[source].where(self._wiring.reads[reader][source], torch.inf)

    def _nearest(self, reader: str, index: int) -> Place:
        """Return the nearest unit from which an input reads."""
        rows = {source: self._read(reader, source)[index] for source in self._sources(reader)}
        source = min(rows, key=lambda each: float(rows[each].amin()))
        return source, int(rows[source].argmin())
