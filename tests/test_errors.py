import math

import pytest

from prunesweep.errors import (
    Fatal,
    UsageError,
    check_choice,
    check_range,
    fatal,
    need_extra,
    printable,
    suggestion,
)


def test_a_suggestion_is_the_nearest_option() -> None:
    assert suggestion("lenet6", ["lenet5", "conv_lenet"]) == " Did you mean 'lenet5'?"
    assert suggestion("zzz", ["lenet5"]) == ""
    assert suggestion("magnitude", ["l1", "l2"]) == " Did you mean 'l1'?"
    assert suggestion("magnitude", ["global", "magnitudes"]) == " Did you mean 'magnitudes'?"


def test_a_wrong_choice_lists_the_options() -> None:
    check_choice("prune.scope", "global", ["global", "layerwise"])
    with pytest.raises(UsageError, match=r"prune.scope=globl: must be one of global, layerwise. Did you mean 'global'"):
        check_choice("prune.scope", "globl", ["global", "layerwise"])


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_a_range_includes_its_ends(value: float) -> None:
    check_range("x", value, 0, 1)


@pytest.mark.parametrize(
    ("value", "above"), [(-0.1, False), (1.1, False), (math.nan, False), (math.inf, False), (0, True)]
)
def test_a_value_outside_its_range_is_refused(value: float, above: bool) -> None:
    with pytest.raises(UsageError, match=f"x={value}: must be"):
        check_range("x", value, 0, 1, above=above)


def test_a_percentage_for_a_fraction_is_suggested_as_a_fraction() -> None:
    with pytest.raises(UsageError, match=r"x=20: must be at least 0 and at most 1\. For 20 %, write x=0\.2\."):
        check_range("x", 20, 0, 1)
    with pytest.raises(UsageError, match=r"at most 1\.$"):
        check_range("x", 200, 0, 1)
    with pytest.raises(UsageError, match=r"at most 2\.$"):
        check_range("x", 20, 0, 2)


def test_a_missing_extra_is_reported_with_its_modules() -> None:
    need_extra("logger=x", "x", "json", "pathlib")
    with pytest.raises(
        UsageError, match=r"logger=x needs absent_1 and absent_2: install prunesweep with its extra \[x\]"
    ):
        need_extra("logger=x", "x", "json", "absent_1", "absent_2")


def test_an_exception_in_a_fatal_block_is_its_cause() -> None:
    error = UsageError("a=1: must be 2.")
    with pytest.raises(Fatal) as raised, fatal():
        raise error
    assert raised.value.__cause__ is error
    assert not isinstance(raised.value, Exception), "so that Hydra does not turn it into a warning"


def test_foreign_text_is_printed_without_control_characters() -> None:
    assert printable("a\nb\x1b[2J é \udcff \u202e") == "a\\nb\\x1b[2J é \\udcff \\u202e"
    assert printable("a\nb\x1b[2J\r", lines=True) == "a\nb\\x1b[2J\\r"
    assert printable(None) == "None"
