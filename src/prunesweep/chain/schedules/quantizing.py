"""The steps that quantize the final network of a run."""

from __future__ import annotations

from collections.abc import Iterator

from prunesweep.chain.quantize_steps import CodebookEpoch, ToCodebook, ToInt8
from prunesweep.chain.schedules.parts import Parts
from prunesweep.chain.steps import Step
from prunesweep.quantization.codebook import groups
from prunesweep.quantization.settings import Codebook, Int8


def quantization(parts: Parts, next_epoch: int, number: int) -> Iterator[Step]:
    """Yield the steps that quantize the final network.

    Args:
        parts: The parts of the chain.
        next_epoch: The index of the next epoch within the run.
        number: The round that the epochs belong to.
    """
    settings = parts.quantize
    if isinstance(settings, Int8):
        yield ToInt8(parts.data, settings.images, parts.seed)
    if not isinstance(settings, Codebook):
        return
    in_codebook = tuple(name for name in parts.quantized if settings.biases or not name.endswith("bias"))
    rounded = tuple(name for name in parts.quantized if name not in in_codebook)
    shared = groups(in_codebook, shared=settings.scope == "shared")
    yield ToCodebook(shared, rounded, 2**settings.bits)
    for index, lr in enumerate(settings.learning_rates(parts.optimizer.lr), next_epoch):
        yield CodebookEpoch(
            data=parts.data,
            optimizer=parts.optimizer,
            lr=lr,
            batch_size=settings.batch_size,
            augment=parts.augment,
            index=index,
            seed=parts.seed,
            groups=shared,
            rounded=rounded,
            phase="quantize",
            round=number,
        )
