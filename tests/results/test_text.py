import pytest

from prunesweep.results.text import counted, cut, duration, percent


def test_fractions_as_percentages() -> None:
    assert [percent(0.98765), percent(0.5, 0), cut(0.1992), cut(0.0)] == ["98.77 %", "50 %", "-19.92 %", "0.00 %"]


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
