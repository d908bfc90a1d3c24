import pytest

from prunesweep.report.compute.band import band
from prunesweep.report.compute.groups import Spread


def test_the_band_is_the_larger_of_both_noises() -> None:
    narrow = band(Spread(0.9, None), 100)  # sqrt(0.9 * 0.1 / 100) = 0.03
    assert (narrow.low, narrow.high, narrow.images) == pytest.approx((0.87, 0.93, 0.03))
    assert narrow.seeds is None
    assert band(Spread(0.9, 0.001), 100).high == pytest.approx(0.93)
    assert band(Spread(0.9, 0.05), 100).high == pytest.approx(0.95)
    assert band(Spread(0.99, 0.05), 100).high == 1
