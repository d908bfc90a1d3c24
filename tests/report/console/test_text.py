import pytest
from rich.console import Console

from prunesweep.report.console.text import console, cut, percent, plain


def test_fractions_as_percentages() -> None:
    assert [percent(0.98765), percent(0.5, 0), cut(0.1992), cut(0.0)] == ["98.77 %", "50 %", "-19.92 %", "0.00 %"]


def test_a_value_has_no_markup_and_no_escape_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    Console().print(plain("[red]a\x1b[31m\nb"))
    assert capsys.readouterr().out == "[red]a\\x1b[31m\\nb\n"
    assert plain("a\nb\x07", lines=True).plain == "a\nb\\x07"


def test_lines_of_a_log_are_long() -> None:
    assert console().width == 160
