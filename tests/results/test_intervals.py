import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.results.intervals import accuracy_interval, half_width, wilson

shares = st.floats(0, 1)
counts = st.integers(1, 100_000)
levels = st.floats(0.5, 0.999)


def test_wilsons_interval_of_a_published_example() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    assert wilson(81 / 263, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0 / 20, 20, 0.95) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29, 0.95) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(shares, counts, levels)
def test_wilsons_interval_contains_the_share_and_is_symmetric(share: float, images: int, level: float) -> None:
    low, high = wilson(share, images, level)
    assert 0 <= low <= share <= high <= 1
    assert wilson(1 - share, images, level) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(shares, counts, counts, levels)
def test_more_images_never_widen_the_interval(share: float, one: int, other: int, level: float) -> None:
    low, high = wilson(share, min(one, other), level)
    inner_low, inner_high = wilson(share, max(one, other), level)
    assert low - 1e-12 <= inner_low
    assert inner_high <= high + 1e-12


def test_the_interval_of_a_mean_over_seeds() -> None:
    # Student's t at 97.5 % is 4.303 with two degrees of freedom; the standard error is 0.1 / sqrt(3).
    assert half_width([0.4, 0.5, 0.6], 0.95) == pytest.approx(4.3027 * 0.1 / math.sqrt(3), rel=1e-4)
    assert half_width([0.5], 0.95) == 0
    assert half_width([0.5, 0.5], 0.95) == 0


def test_the_errors_of_images_and_seeds_are_combined_on_each_side() -> None:
    low, high = wilson(0.5, 100, 0.95)
    assert accuracy_interval([0.5], 100, 0.95) == pytest.approx((low, high))
    half = half_width([0.45, 0.5, 0.55], 0.95)
    expected = (0.5 - math.hypot(0.5 - low, half), 0.5 + math.hypot(high - 0.5, half))
    assert accuracy_interval([0.45, 0.5, 0.55], 100, 0.95) == pytest.approx(expected)
    assert accuracy_interval([0.0, 1.0], 100, 0.95) == (0, 1)
