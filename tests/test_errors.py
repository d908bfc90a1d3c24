import math

import pytest
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, OmegaConfBaseException

from prunesweep.errors import (
    Fatal,
    UsageError,
    check_choice,
    check_range,
    fatal,
    message_of,
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


@pytest.mark.parametrize("error", [UsageError("a=1: must be 2."), ArithmeticError("a=1: must be 2.")])
def test_messages_for_the_user_are_kept(error: Exception) -> None:
    assert message_of(error) == "a=1: must be 2."


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("model/lenet6", "model=lenet6: must be one of lenet5, basic. Did you mean 'lenet5'?"),
        ("hydra/launcher/ray", "hydra/launcher=ray: must be one of lenet5, basic. To add it: pip install -e '.[ray]'."),
        ("hydra/launcher/rays", "hydra/launcher=rays: must be one of lenet5, basic."),
    ],
)
def test_an_unknown_option_lists_the_options_of_its_group(config: str, message: str) -> None:
    assert message_of(MissingConfigException("In 'config': ...", config, ["lenet5", "basic"])) == message


def test_an_unknown_key_lists_the_keys() -> None:
    node = OmegaConf.create({"amount": 0.2, "scope": "global"})
    OmegaConf.set_struct(node, True)
    with pytest.raises(ConfigAttributeError) as error:
        _ = node.amout
    message = message_of(error.value)
    assert message.startswith("Key 'amout' is not in struct")
    assert message.endswith(" The keys are amount, scope.")
    assert "full_key" not in message


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["-m", "schedule=iterative,lottery", "schedule.rounds=3"], "write 'schedule.rounds=choice(3)'."),
        (["-m", "schedule=choice(iterative,lottery)", "schedule.rounds=3"], "write 'schedule.rounds=choice(3)'."),
        (["-m", "schedule=iterative", "schedule.rounds=3"], "The keys are name."),
        (["-m", "prune=l1,random", "schedule.rounds=3"], "The keys are name."),
        (["schedule.rounds=3"], "The keys are name."),
    ],
)
def test_a_key_of_the_swept_options_of_a_group(
    arguments: list[str], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", *arguments])
    config = OmegaConf.create({"schedule": {"name": "one_shot"}})
    OmegaConf.set_struct(config, True)
    with pytest.raises(OmegaConfBaseException) as caught:
        OmegaConf.update(config, "schedule.rounds", 3)
    assert message_of(caught.value).endswith(advice)


def test_an_unexpected_error_says_how_to_see_the_traceback() -> None:
    assert message_of(KeyError("x")) == "KeyError: 'x' (set HYDRA_FULL_ERROR=1 to see the traceback)"


def test_an_error_of_the_operating_system_is_named_with_its_file() -> None:
    assert message_of(OSError(28, "No space left on device", "out/result.json")) == (
        "out/result.json: No space left on device"
    )
    assert message_of(OSError(28, "No space left on device")) == "No space left on device"


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
