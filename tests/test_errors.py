import math
import signal
from collections.abc import Iterator

import pytest

from prunesweep.errors import (
    UsageError,
    check_choice,
    check_range,
    one_message,
    suggestion,
)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Signals are handled as before the test."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_becomes_the_command_that_continues(
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

    with pytest.raises(SystemExit) as exit_, one_message():
        sweep()
    assert exit_.value.code == code
    command = "python3 run.py -m 'layers.include=[conv1, fc1]' hydra.sweep.dir=there"
    assert capsys.readouterr().err.splitlines()[-1].strip() == command


def test_the_full_error_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ZeroDivisionError), one_message():
        _ = 1 / 0
