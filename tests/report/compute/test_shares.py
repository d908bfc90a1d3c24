import pytest

from prunesweep.report.compute.shares import Share, largest, share


def test_an_interval_is_that_of_students_t() -> None:
    found = share("a", 0.5, 0.1, 3)
    assert (found.low, found.high) == pytest.approx((0.5 - 0.31824, 0.5 + 0.31824), abs=1e-4)  # t(0.975, 3) = 3.1824


def test_shares_are_between_0_and_1() -> None:
    assert share("a", -0.1, 0.02, 1000) == Share("a", 0.0, 0.0, 0.0)
    assert share("a", 0.95, 0.1, 3).high == 1.0


def test_the_first_of_equal_shares_is_the_largest() -> None:
    assert largest([Share(name, value, 0, 1) for name, value in (("a", 0.1), ("b", 0.4), ("c", 0.4))]).name == "b"
