"""Multiply integers by real numbers with integer arithmetic only.

A real factor is a multiplier and a shift: factor = multiplier / 2^shift, where the multiplier has 31 bits. The product
of an integer `value` of 32 bits, in C:

    (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << (shift - 1))) >> shift)

The sum has at most 63 bits. The shift is arithmetic (it rounds down), so that together with the added half the product
is rounded to the nearest integer, and a half is rounded up: 2.5 -> 3, -2.5 -> -2. Source: Jacob et al., "Quantization
and training of neural networks for efficient integer-arithmetic-only inference" (2018), section 2.2, with one rounding
in place of two.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MAX_SHIFT = 62


def fixed_point(factor: float) -> tuple[int, int]:
    """Return the multiplier and the shift of a factor from 0 to 2^29. The multiplier is below 2^31.

    The factor is exact to 31 bits. Below 2^-32, the multiplier becomes smaller, because the shift cannot become larger.

    Raises:
        ValueError: The factor is too large.
    """
    mantissa, exponent = math.frexp(factor)  # factor = mantissa * 2^exponent, mantissa in [0.5, 1)
    shift = min(31 - exponent, MAX_SHIFT)
    multiplier = round(math.ldexp(mantissa, exponent + shift))
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift - 1
    if shift < 1:
        raise ValueError(f"the factor {factor:g} is too large")
    return multiplier, shift


def rescaled(values: Tensor, multipliers: Tensor, shifts: Tensor) -> Tensor:
    """Return `values` times multipliers / 2^shifts, rounded to the nearest integer, halves up.

    Args:
        values: Integers of 32 bits in a tensor of type int64 `[...]`.
        multipliers: int64, in a shape that broadcasts to `values`.
        shifts: int64, from 1 to 62, in the same shape.
    """
    return (values * multipliers + torch.ones_like(shifts).bitwise_left_shift(shifts - 1)).bitwise_right_shift(shifts)
