"""What a run measures on its final network on request: `file_bytes`, `packed_bytes` and `latency_us`."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from functools import cache

from torch import nn

from prunesweep.bench.latency import latency_us
from prunesweep.chain.context import Context
from prunesweep.errors import UsageError, need_extra
from prunesweep.experiment.measures import Measure
from prunesweep.experiment.provenance import CPUINFO, cpu_name
from prunesweep.export import csr, packed
from prunesweep.export.c.compiler import find_compiler
from prunesweep.export.c.form import NO_COMPILER
from prunesweep.export.c.graph import layers_of
from prunesweep.export.write import describe, pack_network
from prunesweep.models.settings import CustomModel

IMAGES = 256
"""The number of validation images that a latency is measured on, in turn. Test images must not affect a search."""


@dataclass(frozen=True)
class FileBytes(Measure):
    """The bytes of the whole file of `--format csr`: the smallest plain one, without an entropy coder."""

    def value(self, model: nn.Module, context: Context) -> int:
        return len(pack_network(csr.FORMAT, model, describe(self.result, csr.FORMAT.name, context)))

    @staticmethod
    def check(context: Context) -> None:
        pass


@dataclass(frozen=True)
class PackedBytes(Measure):
    """The bytes of the whole file of `--format packed`."""

    def value(self, model: nn.Module, context: Context) -> int:
        return len(pack_network(packed.FORMAT, model, describe(self.result, packed.NAME, context)))

    @staticmethod
    def check(context: Context) -> None:  # noqa: ARG004
        need_extra("the size of packed files", "packed", "constriction")


@cache
def machine() -> str:
    """Return the processor and the compiler of this machine, on which a latency depends."""
    command = find_compiler()
    if command is None:
        return cpu_name(CPUINFO)
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return cpu_name(CPUINFO)
    return f"{cpu_name(CPUINFO)}, {done.stdout.partition(chr(10))[0]}"


@dataclass(frozen=True)
class Latency(Measure):
    """The median microseconds of the file of `--format c` for one image, on one thread.

    Attributes:
        machine: The processor and the compiler. A store that several machines share keeps a latency for each.
    """

    machine: str = field(default_factory=machine)

    def value(self, model: nn.Module, context: Context) -> float:
        images = context.data.validation.images[:IMAGES].cpu()
        return latency_us(model, describe(self.result, "c", context), images).median

    @staticmethod
    def check(context: Context) -> None:
        if find_compiler() is None:
            raise UsageError(f"{NO_COMPILER}. Install one, or set CC.")
        if isinstance(context.model, CustomModel):
            layers_of(context.template().eval(), context.shape)
