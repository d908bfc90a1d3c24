"""Fold batch normalizations into the convolutions and linear layers before them.

With running statistics, a batch normalization multiplies each channel by a factor and adds a number. This changes the
scale of a channel of weights, but not their integers: rounding to multiples of a scale for each output channel gives
the same integers before and after folding, up to the sign of the factor.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunesweep.quantization.layers import NamedLayer

AFFINE = (nn.Conv2d, nn.Linear)
NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d)


def folded(layers: Iterable[NamedLayer]) -> list[NamedLayer]:
    """Return `layers` with each batch normalization as a part of the convolution or linear layer directly before it.

    The given layers are not modified. Statistics and factors are multiplied in float64, then rounded to float32.
    """
    result: list[NamedLayer] = []
    for name, layer in layers:
        if isinstance(layer, NORMALIZATIONS):
            before, affine = result.pop()
            assert isinstance(affine, AFFINE)
            result.append((before, _folded(affine, layer)))
        else:
            result.append((name, layer))
    return result


def _folded(affine: nn.Conv2d | nn.Linear, norm: _BatchNorm) -> nn.Module:
    """Return `affine` followed by `norm` as one layer."""
    factor, summand = _factor_and_summand(norm)
    weight = affine.weight.detach()
    bias = torch.zeros(len(weight)) if affine.bias is None else affine.bias.detach()
    layer = copy.copy(affine)
    layer._parameters = {
        "weight": _frozen(weight.double() * factor.view(-1, *[1] * (weight.dim() - 1))),
        "bias": _frozen(bias.double() * factor + summand),
    }
    return layer


def _factor_and_summand(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Return the factor and the summand of each channel, float64 `[channels]`."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = 1 / (norm.running_var.double() + norm.eps).sqrt()
    if norm.affine:
        factor = factor * norm.weight.detach().double()
    summand = -norm.running_mean.double() * factor
    return factor, summand + norm.bias.detach().double() if norm.affine else summand


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.float(), requires_grad=False)
