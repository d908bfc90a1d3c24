"""Select the parameters to quantize, and check before a run that they can be quantized."""

from __future__ import annotations

from torch import nn

from prunesweep.errors import UsageError
from prunesweep.models.tensors import first_names
from prunesweep.pruning.selection import maskable
from prunesweep.quantization.integer import supported
from prunesweep.quantization.settings import Codebook, Int8, NoQuantization, Quantize


def quantized_parameters(model: nn.Module, settings: Quantize) -> tuple[str, ...]:
    """Return the parameters of `model` that are quantized: weights and biases of convolutions and linear layers.

    Args:
        model: The network.
        settings: How it is quantized.

    Raises:
        UsageError: The network cannot be quantized in this way.
    """
    if isinstance(settings, NoQuantization):
        return ()
    if isinstance(settings, Int8):
        supported(model)
    _check_not_shared(model, settings)
    return maskable(model)


def check_left(settings: Quantize, kept: int) -> None:
    """Check that a codebook does not have more entries than the `kept` parameters of the pruned network.

    Raises:
        UsageError: It has.
    """
    if isinstance(settings, Codebook) and kept < 2**settings.bits:
        raise UsageError(
            f"quantize.bits={settings.bits}: a codebook of {2**settings.bits} entries is larger than the {kept:,} "
            f"parameters that are left to quantize. Use quantize.bits={max(kept, 2).bit_length() - 1} or less, or "
            "prune fewer weights."
        )


def _check_not_shared(model: nn.Module, settings: Quantize) -> None:
    """Refuse parameters that several layers share: their layers would be quantized differently."""
    shared = [name for name, first in first_names(model).items() if name != first]
    if shared:
        raise UsageError(
            f"quantize={settings.name}: {shared[0]} is the same parameter as {first_names(model)[shared[0]]}. Layers "
            "that share parameters cannot be quantized."
        )
