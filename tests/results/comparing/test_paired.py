import math

import numpy as np
import pytest
from scipy.special import stdtrit

from prunesweep.results.comparing.correction import holm
from prunesweep.results.comparing.paired import MAX_PAIRS, paired, pairs_needed, power


def test_a_hand_computed_difference() -> None:
    # The mean of 1, 2, 3 is 2, its standard error 1 / sqrt(3): t = 3.4641 with 2 degrees of freedom.
    found = paired([1.0, 2.0, 3.0])
    assert (found.pairs, found.mean, found.sd) == (3, 2.0, 1.0)
    t = 2 * math.sqrt(3)
    assert found.p == pytest.approx(1 - t / math.sqrt(2 + t**2))  # the distribution with 2 degrees has a closed form
    assert found.interval == pytest.approx((2 - 4.30265 / math.sqrt(3), 2 + 4.30265 / math.sqrt(3)), abs=1e-4)


def test_one_pair_allows_no_conclusion() -> None:
    found = paired([0.25])
    assert (found.pairs, found.mean, found.sd, found.interval, found.p) == (1, 0.25, None, None, None)


def test_equal_differences_have_at_least_the_spread_of_rounding() -> None:
    assert paired([0.0, 0.0]).p == 1
    assert paired([0.01, 0.01]).p == 0
    rounded = paired([0.001, 0.001], resolution=0.001)  # one image of 1,000
    assert rounded.sd == pytest.approx(0.001 / math.sqrt(6))
    assert rounded.p == pytest.approx(2 * math.atan(1 / math.sqrt(12)) / math.pi)  # t = sqrt(12), one degree
    assert paired([0.1, 0.2], resolution=0.001).sd == pytest.approx(math.sqrt(0.005))


@pytest.mark.parametrize(("effect", "pairs"), [(1.0, 10), (0.5, 34), (2.0, 5)])
def test_the_pairs_needed_are_those_of_published_tables(effect: float, pairs: int) -> None:
    assert pairs_needed(effect, 1.0, 0.05) == pairs  # Cohen 1988: power 0.8, two-sided 0.05
    assert power(pairs, effect, 0.05) >= 0.8 > power(pairs - 1, effect, 0.05)


def test_the_pairs_needed_have_limits() -> None:
    assert pairs_needed(0.0, 1.0, 0.05) is None
    assert pairs_needed(0.0, 0.0, 0.05) is None
    assert pairs_needed(0.1, 0.0, 0.05) == 2
    assert pairs_needed(-1.0, 1.0, 0.05) == pairs_needed(1.0, 1.0, 0.05)
    assert pairs_needed(0.001, 1.0, 0.05) is None, f"more than {MAX_PAIRS}"


def rejections(differences: np.ndarray) -> np.ndarray:
    """Return, for simulated comparisons of shape (comparisons, tests, seeds), which tests reject after correction."""
    return np.array([[p < 0.05 for p in holm([paired(list(each)).p or 0.0 for each in one])] for one in differences])


def test_without_a_difference_the_familywise_error_rate_is_held() -> None:
    tests, seeds, comparisons = 10, 5, 2_000
    random = np.random.default_rng(0)
    # The tests share a reference method, so they depend on each other. Nothing is different.
    reference = random.normal(0, 1, (comparisons, 1, seeds))
    false = rejections(reference - random.normal(0, 1, (comparisons, tests, seeds))).any(axis=1).mean()
    assert false <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / comparisons)
    independent = rejections(random.normal(0, 1, (comparisons, tests, seeds))).any(axis=1).mean()
    assert independent == pytest.approx(1 - (1 - 0.05 / tests) ** tests, abs=3 * math.sqrt(0.05 * 0.95 / comparisons))


def test_with_a_difference_the_power_is_as_predicted() -> None:
    random = np.random.default_rng(1)
    effect, comparisons = 1.2, 2_000
    error = 3 * math.sqrt(0.16 / comparisons)
    for tests in (1, 8):
        alpha = 0.05 / tests
        seeds = pairs_needed(effect, 1.0, alpha)
        assert seeds is not None
        means = np.zeros((1, tests, 1))
        means[0, 0] = effect  # only the first test has a true difference
        found = rejections(random.normal(means, 1, (comparisons, tests, seeds)))
        assert found[:, 0].mean() == pytest.approx(power(seeds, effect, alpha), abs=error)
        assert found[:, 0].mean() >= 0.8 - error
        assert found[:, 1:].any(axis=1).mean() <= 0.05 + error


def test_the_interval_covers_the_true_difference_as_often_as_stated() -> None:
    random = np.random.default_rng(2)
    intervals = [paired(list(random.normal(3, 2, 4)), level=0.9).interval or (0, 0) for _ in range(2_000)]
    covered = np.mean([low <= 3 <= high for low, high in intervals])
    assert covered == pytest.approx(0.9, abs=3 * math.sqrt(0.09 / 2_000))
    assert float(stdtrit(3, 0.95)) == pytest.approx(2.3534, abs=1e-4)
