"""Settings of the group `quantize`, one dataclass for each option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from prunesweep.errors import MAX_COUNT, check_choice, check_range
from prunesweep.training.phases import Phase

SCOPES = ("layer", "shared")
MAX_BITS = 8
INT8_BITS = 8


@dataclass
class Quantize:
    """Settings of the quantization, the last step of a run."""

    name: str


@dataclass
class NoQuantization(Quantize):
    """Keep the weights as they were trained."""

    name: str = "none"


@dataclass
class Int8(Quantize):
    """Round weights and activations to 8 bits, and compute with integers.

    Attributes:
        images: Number of training images on which the ranges of the activations are measured.
    """

    name: str = "int8"
    images: int = 1_000

    def __post_init__(self) -> None:
        check_range("quantize.images", self.images, 1, MAX_COUNT)


@dataclass
class Codebook(Phase, Quantize):
    """Replace weights by the entries of a codebook, then train the entries.

    Source: Han, Mao, Dally, "Deep Compression" (2016), section 3.

    Attributes:
        bits: An index has this number of bits, so that a codebook has at most 2^bits entries. Zero is not an entry.
        scope: `layer` (each layer has a codebook of its own) or `shared` (one codebook for the network).
        biases: Whether biases are replaced too, by entries of the same codebook. Otherwise they are rounded to float16.
    """

    key: ClassVar[str] = "quantize"
    name: str = "codebook"
    epochs: int | None = 2
    lr_scale: float = 0.5
    decay: str = "cosine"
    bits: int = 5
    scope: str = "layer"
    biases: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("quantize.bits", self.bits, 1, MAX_BITS)
        check_choice("quantize.scope", self.scope, SCOPES)


QUANTIZATIONS: tuple[type[Quantize], ...] = (NoQuantization, Int8, Codebook)


def bits_of(settings: Quantize) -> int | None:
    """Return the bits of a weight, or None if the weights are not quantized."""
    if isinstance(settings, Codebook):
        return settings.bits
    return INT8_BITS if isinstance(settings, Int8) else None
