import numpy as np
import pytest
from optuna import logging

from prunesweep.report.compute.forest import REST, forest

GENERATOR = np.random.default_rng(1)
COLUMNS = np.column_stack([GENERATOR.random(60), GENERATOR.integers(0, 12, 60), GENERATOR.random(60)])
NAMES, CATEGORIES = ["amount", "criterion", "rate"], [0, 12, 0]


def test_shares_follow_the_effects_and_have_intervals(capfd: pytest.CaptureFixture[str]) -> None:
    before, y = logging.get_verbosity(), 3 * COLUMNS[:, 0] + (COLUMNS[:, 1] > 5)
    found = forest(NAMES, COLUMNS, CATEGORIES, y) or []
    amount, criterion, rate, _ = found
    assert [each.name for each in found] == [*NAMES, REST]
    assert amount.share > criterion.share > rate.share
    assert rate.share < 0.05
    assert sum(each.share for each in found) == pytest.approx(1)
    assert 0 < amount.low < amount.share < amount.high <= 1
    assert found == forest(NAMES, COLUMNS, CATEGORIES, y), "seeds are fixed"
    assert capfd.readouterr().err == "", "Optuna does not report its studies"
    assert logging.get_verbosity() == before


def test_a_single_result_that_differs_has_shares() -> None:
    found = forest(NAMES, COLUMNS, CATEGORIES, (np.arange(60) == 0).astype(np.float64)) or []
    assert all(0 <= each.low <= each.share <= each.high <= 1 for each in found)


def test_a_constant_has_no_shares() -> None:
    assert forest(NAMES, COLUMNS, CATEGORIES, np.ones(60)) is None
