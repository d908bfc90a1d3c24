from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna import create_study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from prunesweep.errors import UsageError
from prunesweep.search.dimensions import Choice, Continuous, Dimension, interval, stepped

RANGE = stepped("prune.amount", Decimal("0.05"), Decimal("0.4"), Decimal("0.05"))


def distribution(dimension: Dimension) -> BaseDistribution:
    """Return the distribution that Optuna samples from."""
    trial = create_study().ask()
    dimension.suggest(trial)
    return trial.distributions[dimension.key]


def test_a_stepped_range_has_exact_decimals_and_both_ends() -> None:
    assert RANGE.values == (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
    assert RANGE.ends == (0.05, 0.4)
    assert distribution(RANGE) == FloatDistribution(0.05, 0.4, step=0.05)
    assert str(RANGE) == "range(0.05,0.4,step=0.05)"
    assert RANGE.exact(0.30000000000000004) == 0.3


def test_integers_stay_integers() -> None:
    epochs = stepped("finetune.epochs", 1, 8, 1)
    assert epochs.values == (1, 2, 3, 4, 5, 6, 7, 8)
    assert {type(value) for value in epochs.values} == {int}
    assert distribution(epochs) == IntDistribution(1, 8)


def test_the_last_value_is_the_last_step_within_the_range() -> None:
    assert stepped("prune.amount", 0.1, 0.95, 0.2).values == (0.1, 0.3, 0.5, 0.7, 0.9)


def test_the_type_of_the_setting_is_the_type_of_an_intervals_values() -> None:
    assert interval("prune.amount", 0, 1, log=False, current=0.2) == Continuous("prune.amount", 0.0, 1.0)
    epochs = interval("finetune.epochs", 1, 3, log=False, current=2)
    assert epochs.values == (1, 2, 3)
    assert interval("finetune.epochs", 1.0, 3.0, log=False, current=2) == epochs
    with pytest.raises(UsageError, match="the setting is an integer"):
        interval("finetune.epochs", 0.5, 2, log=False, current=2)


def test_a_choice_keeps_the_order_and_the_types_of_its_options() -> None:
    choice = Choice("prune.target", (None, 0.5, True, "all"))
    assert choice.values == choice.ends == (None, 0.5, True, "all")
    assert distribution(choice) == CategoricalDistribution((None, 0.5, True, "all"))


def test_a_logarithmic_interval() -> None:
    rates = interval("optimizer.lr", 0.001, 0.1, log=True, current=0.1)
    assert distribution(rates) == FloatDistribution(0.001, 0.1, log=True)
    assert rates.values is None
    assert rates.exact(0.0123456789) == 0.0123457
    assert rates.distance(0.001, 0.01) == pytest.approx(0.5)


@pytest.mark.parametrize(("low", "high", "step"), [(0.9, 0.1, 0.1), (1, 3, 0)])
def test_a_range_without_values_is_refused(low: float, high: float, step: float) -> None:
    with pytest.raises(UsageError, match=r"^a=range.*contains no value"):
        stepped("a", low, high, step)


@pytest.mark.parametrize(("low", "high", "log"), [(0.9, 0.1, False), (0.5, 0.5, False), (0.0, 1.0, True)])
def test_an_interval_without_values_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(UsageError, match=r"^a=.*interval.*contains no value"):
        interval("a", low, high, log=log, current=0.5)


def test_neighbors_are_one_step_away() -> None:
    assert RANGE.neighbors(0.3) == (0.25, 0.35)
    assert RANGE.neighbors(0.4) == (0.35,)
    assert Choice("layers", ("all", "conv", "fc")).neighbors("conv") == ("all", "fc")
    below, above = Continuous("lr", 0.1, 10.0, log=True).neighbors(1.0)
    assert 0.98 < float(below or 0) < 1 < float(above or 0) < 1.02
    assert Continuous("lr", 0.0, 1.0).neighbors(1.0) == (0.999,)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_float_errors_of_samplers_are_removed(count: int, step: int, data: st.DataObject) -> None:
    dimension = stepped("a", 0, Decimal(count * step) / 1000, Decimal(step) / 1000)
    index = data.draw(st.integers(0, count))
    assert dimension.exact(index * (step / 1000)) == index * step / 1000
    assert len(dimension.values) == count + 1
