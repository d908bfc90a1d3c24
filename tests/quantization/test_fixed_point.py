from fractions import Fraction
from math import floor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.quantization.fixed_point import fixed_point, rescaled


def one(value: int, multiplier: int, shift: int) -> int:
    return int(rescaled(torch.tensor([value]), torch.tensor([multiplier]), torch.tensor([shift])))


def test_factors_as_multiplier_and_shift() -> None:
    assert fixed_point(1.0) == (2**30, 30)
    assert fixed_point(0.5) == (2**30, 31)
    assert fixed_point(0.75) == (3 * 2**29, 31)
    assert fixed_point(1 - 2**-40) == (2**30, 30)
    assert fixed_point(2**-40) == (2**22, 62)
    assert fixed_point(0.0) == (0, 31)
    with pytest.raises(ValueError, match="too large"):
        fixed_point(2**31)


def test_halves_are_rounded_up() -> None:
    assert [one(value, *fixed_point(0.5)) for value in (5, -5, 4, -3)] == [3, -2, 2, -1]


@given(st.integers(-(2**31), 2**31 - 1), st.floats(2**-62, 2**29))
def test_the_product_is_exact(value: int, factor: float) -> None:
    multiplier, shift = fixed_point(factor)
    assert 0 <= multiplier < 2**31
    assert 1 <= shift <= 62
    assert one(value, multiplier, shift) == floor(Fraction(value * multiplier, 2**shift) + Fraction(1, 2))
    if factor > 2**-30:
        assert multiplier / 2**shift == pytest.approx(factor, rel=2**-30)
