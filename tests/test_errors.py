import math
import signal
from collections.abc import Iterator

import pytest
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError

from prunesweep.errors import (
    UsageError,
    check_choice,
    check_range,
    exit_with_message,
    message_of,
    need_extra,
    suggestion,
)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restore the signal handler after each test."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_suggestion_is_the_nearest_option() -> None:
    assert suggestion("lenet6", ["lenet5", "conv_lenet"]) == " Did you mean 'lenet5'?"
    assert suggestion("zzz", ["lenet5"]) == ""


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


def test_an_unexpected_error_says_how_to_see_the_traceback() -> None:
    assert message_of(KeyError("x")) == "KeyError: 'x' (set HYDRA_FULL_ERROR=1 to see the traceback)"


def test_an_error_prints_one_message_and_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    with pytest.raises(SystemExit) as exit_, exit_with_message():
        raise UsageError("a=1: must be 2.")
    assert exit_.value.code == "error: a=1: must be 2."


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_prints_the_command_that_continues(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "-m", "layers.include=[conv1, fc1]"])
    monkeypatch.setattr("sys.executable", "/usr/bin/python3")

    def sweep() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as interrupt:
            interrupt.args = ("hydra.sweep.dir=there",)
            raise

    with pytest.raises(SystemExit) as exit_, exit_with_message():
        sweep()
    assert exit_.value.code == code
    command = "python3 run.py -m 'layers.include=[conv1, fc1]' hydra.sweep.dir=there"
    assert capsys.readouterr().err.splitlines()[-1].strip() == command


def test_the_traceback_is_shown_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ZeroDivisionError), exit_with_message():
        _ = 1 / 0
