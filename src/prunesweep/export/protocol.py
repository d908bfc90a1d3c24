"""The interfaces of an export format and of the kind of file that holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.export.description import Description

Network = Callable[[Tensor], Tensor]
"""Maps normalized images `[n, channels, height, width]` to logits `[n, classes]`, on the CPU."""


FLOAT32, INT8 = "float32", "int8"
"""Types of weights."""


class NotVerified(UsageError):
    """The content of a file is complete, but a tool of this machine cannot read it. The file is kept."""


class Executes(Enum):
    """The code that loading a file executes, apart from prunesweep and installed packages."""

    NOTHING = "nothing"
    """The file is a graph of known operators."""

    NETWORK = "network"
    """The file contains tensors. Its network is built from its settings, which may name a custom class."""

    FILE = "file"
    """The file itself contains code."""


@dataclass(frozen=True)
class Container:
    """A kind of file that can carry a description. All functions raise an exception if the content is invalid.

    Attributes:
        recognizes: Whether the first 9 bytes of a file are those of this kind.
        read: Returns the JSON of the description in the content of a file, or None.
        attach: Returns the content with the JSON of a description. The given content has no description.
        content_hash: Returns the SHA-256 of everything in the content that affects the network: tensors, graph, and
            their encoding, but not the description. Executes nothing in the file.
    """

    recognizes: Callable[[bytes], bool]
    read: Callable[[bytes], str | bytes | None]
    attach: Callable[[bytes, str], bytes]
    content_hash: Callable[[bytes], str]


@dataclass(frozen=True)
class Companion:
    """A second file that is written beside an exported file.

    Attributes:
        suffix: The suffix of its name, instead of the format's.
        write: Returns its content.
        mark: How its content begins. A file that begins in another way is not replaced.
    """

    suffix: str
    write: Callable[[Description], bytes]
    mark: bytes


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        name: The value of `--format`.
        suffix: The suffix of the file name.
        exact: Whether the loaded network computes the same bits. Otherwise its logits may differ by `verify.TOLERANCE`,
            unless it computes with integers.
        executes: The code that `load` executes. The caller checks that it is trusted.
        container: The kind of file.
        save: Returns the content of a file with a network in evaluation mode, before its description is attached. Takes
            the image shape from the description. The network is an `IntegerNetwork` if the type of the weights is int8.
        load: Returns the network in the content of a file with the given description. Raises an exception if the
            content is invalid. Does not allocate much more than `LIMIT` bytes.
        dtypes: The values of `--dtype`: the types of the weights. int8 is for runs with quantize=int8, whose network
            computes with integers.
        obstacle: Returns why this machine cannot load files of this format, or None.
        sizes: Returns sizes in bytes that the file does not show, such as those of its compiled code, by name.
        companion: A second file, or None.
    """

    name: str
    suffix: str
    exact: bool
    executes: Executes
    container: Container
    save: Callable[[nn.Module, Description], bytes]
    load: Callable[[bytes, Description], Network]
    dtypes: tuple[str, ...] = (FLOAT32,)
    obstacle: Callable[[], str | None] = lambda: None
    sizes: Callable[[bytes], Mapping[str, int]] = lambda _: {}
    companion: Companion | None = None
