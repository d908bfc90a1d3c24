import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from prunesweep.errors import UsageError
from prunesweep.search.dimensions import Choice, Continuous, Dimension, dimension


def parsed(text: str, current: object = 0.2) -> Dimension:
    (override,) = OverridesParser.create().parse_overrides([text])
    return dimension(override, current)


def test_a_stepped_range_reads_as_it_was_written_and_holds_both_ends() -> None:
    found = parsed("prune.amount=range(0.05,0.4,step=0.05)")
    assert found.values == (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
    assert found.ends == (0.05, 0.4)
    assert found.distribution == FloatDistribution(0.05, 0.4, step=0.05)
    assert str(found) == "range(0.05,0.4,step=0.05)"
    assert found.exact(0.30000000000000004) == 0.3


def test_integers_stay_integers() -> None:
    found = parsed("finetune.epochs=range(1,8)", 2)
    assert found.values == (1, 2, 3, 4, 5, 6, 7, 8)
    assert found.distribution == IntDistribution(1, 8)
    assert parsed("finetune.epochs=interval(1,8)", 2) == parsed("finetune.epochs=int(interval(1,8))", 2)
    assert [type(value) for value in parsed("finetune.epochs=interval(1,3)", 2).values or ()] == [int] * 3


def test_the_setting_says_what_an_interval_holds() -> None:
    assert parsed("prune.amount=interval(0,1)", 0.2) == Continuous("prune.amount", 0.0, 1.0)
    with pytest.raises(UsageError, match="the setting is an integer"):
        parsed("finetune.epochs=interval(0.5,2)", 2)


def test_an_end_that_the_steps_do_not_reach_is_not_in_it() -> None:
    assert parsed("prune.amount=range(0.1,0.95,step=0.2)").values == (0.1, 0.3, 0.5, 0.7, 0.9)


def test_choices_keep_their_order_and_type() -> None:
    found = parsed("layers=choice(all,conv,all)")
    assert found == Choice("layers", ("all", "conv"))
    assert found.distribution == CategoricalDistribution(("all", "conv"))
    assert parsed("layers.include=[conv1],[fc1,fc2]").values == ("[conv1]", "[fc1,fc2]")
    assert parsed("prune.amount=0.1,0.5").values == (0.1, 0.5)


def test_a_logarithmic_interval() -> None:
    found = parsed("optimizer.lr=tag(log,interval(0.001,0.1))", 0.1)
    assert found.distribution == FloatDistribution(0.001, 0.1, log=True)
    assert found.values is None
    assert found.exact(0.0123456789) == 0.0123457


@pytest.mark.parametrize(
    "text",
    ["a=range(0.9,0.1,step=0.1)", "a=range(1,3,step=0)", "a=interval(0.9,0.1)", "a=interval(0.5,0.5)",
     "a=tag(log,interval(0.0,1.0))"],
)  # fmt: skip
def test_empty_and_inverted_ranges_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^a=.*holds no value"):
        parsed(text)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_whatever_a_sampler_makes_of_a_step_is_put_right(count: int, step: int, data: st.DataObject) -> None:
    found = parsed(f"a=range(0,{count * step / 1000},step={step / 1000})", 0.5)
    index = data.draw(st.integers(0, count))
    assert found.exact(index * (step / 1000)) == index * step / 1000
    assert len(found.values or ()) == count + 1
