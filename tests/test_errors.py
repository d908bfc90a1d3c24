import math

import pytest

from prunesweep.errors import UsageError, check_choice, check_range, one_message, suggestion


def test_suggestion_names_the_nearest() -> None:
    assert suggestion("lenet6", ["lenet5", "conv_lenet"]) == " Did you mean 'lenet5'?"
    assert suggestion("zzz", ["lenet5"]) == ""


def test_choice_lists_what_is_allowed() -> None:
    check_choice("prune.scope", "global", ["global", "layerwise"])
    with pytest.raises(UsageError, match=r"prune.scope=globl: must be one of global, layerwise. Did you mean 'global'"):
        check_choice("prune.scope", "globl", ["global", "layerwise"])


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_range_admits_its_ends(value: float) -> None:
    check_range("x", value, 0, 1)


@pytest.mark.parametrize(
    ("value", "above"), [(-0.1, False), (1.1, False), (math.nan, False), (math.inf, False), (0, True)]
)
def test_range_refuses(value: float, above: bool) -> None:
    with pytest.raises(UsageError, match=f"x={value}: must be"):
        check_range("x", value, 0, 1, above=above)


def test_an_error_becomes_one_message_and_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    with pytest.raises(SystemExit) as exit_, one_message():
        raise UsageError("a=1: must be 2.")
    assert exit_.value.code == "error: a=1: must be 2."


def test_the_full_error_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ZeroDivisionError), one_message():
        _ = 1 / 0
