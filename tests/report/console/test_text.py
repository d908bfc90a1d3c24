import pytest
from rich.console import Console

from prunesweep.pruning.settings import Pruning
from prunesweep.report.console.text import console, default_amount_used, plain, say


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


def test_the_note_on_the_default_amount_leaves_out_layers_with_an_amount_of_their_own() -> None:
    assert "20 % of the selected weights" in default_amount_used([Pruning(), Pruning()])
    some = default_amount_used([Pruning(), Pruning(per_layer={"fc1": 0.9})])
    assert "20 % of each selected layer that prune.per_layer does not name" in some
