import pytest

from prunesweep.results.comparing.area import mean_height


def test_the_mean_height_is_the_area_over_the_width() -> None:
    assert mean_height([0, 1], [1, 0]) == 0.5
    assert mean_height([0.5, 0.9, 1.0], [1.0, 0.5, 0.0]) == pytest.approx((0.4 * 0.75 + 0.1 * 0.25) / 0.5)
    assert mean_height([1.0, 0.5], [0.2, 0.2]) == pytest.approx(0.2), "in any order"
