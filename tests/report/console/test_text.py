import pytest
from rich.console import Console

from prunesweep.pruning.settings import Pruning
from prunesweep.report.console.text import console, counted, cut, default_amount_used, duration, percent, plain, say


def test_fractions_as_percentages() -> None:
    assert [percent(0.98765), percent(0.5, 0), cut(0.1992), cut(0.0)] == ["98.77 %", "50 %", "-19.92 %", "0.00 %"]


def test_a_value_has_no_markup_and_no_escape_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    Console().print(plain("[red]a\x1b[31m\nb"))
    assert capsys.readouterr().out == "[red]a\\x1b[31m\\nb\n"
    assert plain("a\nb\x07", lines=True).plain == "a\nb\\x07"


def test_lines_of_a_log_are_long() -> None:
    assert console().width == 160


def test_a_sentence_is_one_line_in_a_file_and_breaks_between_words_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "sentence " * 30
    say(sentence)
    assert capsys.readouterr().out == f"{sentence}\n"
    monkeypatch.setattr("prunesweep.report.console.text.console", lambda: Console(width=80, force_terminal=True))
    say(sentence)
    assert {word for line in capsys.readouterr().out.splitlines() for word in line.split()} == {"sentence"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "less than 1 s"),
        (8.4, "8 s"),
        (59.6, "1 min"),
        (100, "1 min 40 s"),
        (3_599.7, "1 h"),
        (7_500, "2 h 5 min"),
        (7_500.9, "2 h 5 min"),
    ],
)
def test_times_have_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_of_things() -> None:
    assert [counted(1, "run"), counted(1_200, "run")] == ["1 run", "1,200 runs"]


def test_the_note_on_the_default_amount_leaves_out_layers_with_an_amount_of_their_own() -> None:
    assert "20 % of the selected weights" in default_amount_used([Pruning(), Pruning()])
    some = default_amount_used([Pruning(), Pruning(per_layer={"fc1": 0.9})])
    assert "20 % of each selected layer that prune.per_layer does not name" in some
