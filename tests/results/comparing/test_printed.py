import pytest
from scipy.stats import t

from prunesweep.results.comparing.printed import against_printed

ERRORS = [1.5, 1.6, 1.7]  # mean 1.6, standard deviation 0.1


def test_the_p_value_by_hand() -> None:
    found = against_printed(ERRORS, 2.0, digits=2)
    statistic = (0.4 - 0.005) / (0.1 * (1 + 1 / 3) ** 0.5)
    assert found.p == pytest.approx(2 * t.sf(statistic, 2))
    assert found.verdict == "within noise", "three seeds are too few"


def test_a_clear_difference_has_a_direction() -> None:
    many = ERRORS * 4
    assert against_printed(many, 2.4, digits=1).verdict == "better"
    assert against_printed(many, 0.9, digits=1).verdict == "worse"
    assert against_printed(many, 1.7, digits=1).verdict == "within noise"


def test_rounding_alone_is_no_difference() -> None:
    assert against_printed([1.64] * 3, 1.6, digits=1).p == 1
    assert against_printed([1.64] * 3, 1.6, digits=2).verdict == "worse"


def test_a_larger_printed_spread_makes_the_difference_less_certain() -> None:
    assert against_printed(ERRORS, 2.0, 2, sd=0.5).p > against_printed(ERRORS, 2.0, 2).p
    assert against_printed(ERRORS, 2.0, 2, sd=0.01) == against_printed(ERRORS, 2.0, 2)
