"""The interface of an export format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from torch import Tensor, nn

from prunesweep.export.description import Description

Network = Callable[[Tensor], Tensor]
"""Maps normalized images `[n, channels, height, width]` to logits `[n, classes]`, on the CPU."""


class Executes(Enum):
    """The code that loading a file executes, apart from prunesweep and installed packages."""

    NOTHING = "nothing"
    """The file is a graph of known operators."""

    NETWORK = "network"
    """The file contains tensors. Its network is built from its settings, which may name a custom class."""

    FILE = "file"
    """The file itself contains code."""


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        name: The value of `--format`.
        suffix: The suffix of the file name.
        exact: Whether the loaded network computes the same bits. Otherwise its logits may differ by `verify.TOLERANCE`.
        executes: The code that `load` executes. The caller checks that it is trusted.
        save: Writes a network in evaluation mode, with its description, to a file.
        load: Reads the network from a file with the given description.
    """

    name: str
    suffix: str
    exact: bool
    executes: Executes
    save: Callable[[nn.Module, Path, Description], None]
    load: Callable[[Path, Description], Network]
