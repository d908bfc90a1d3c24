import pytest

from prunesweep.report.compute.ticks import error_ticks, even_ticks, fitting, log_ticks


def test_less_than_a_decade_has_round_ticks() -> None:
    levels = log_ticks(3_000, 9_000)
    assert [4_000, 6_000, 8_000] in levels
    assert all(3_000 <= tick <= 9_000 for level in levels for tick in level)


def test_several_decades_have_their_powers() -> None:
    levels = log_ticks(800, 70_000)
    assert [1_000, 10_000] in levels
    assert [1_000, 2_000, 5_000, 10_000, 20_000, 50_000] in levels


def test_close_accuracies_have_ticks_between_them() -> None:
    assert [96.6, 96.7, 96.8, 96.9] in error_ticks(3.09, 3.41)
    assert [99, 98, 95] in error_ticks(0.8, 9.0)
    assert all(len(level) > 1 for level in error_ticks(3.0991, 3.1009))


def test_even_ticks_are_multiples_of_their_step() -> None:
    assert even_ticks(0.0, 1.0)[0] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert even_ticks(5.0, 5.0) == []


def test_the_longest_list_with_enough_space_is_taken() -> None:
    levels = [[0, 10], [0, 5, 10], [0, 1, 2, 3, 10]]
    assert fitting(levels, lambda tick: tick, 2) == [0, 5, 10]
    assert fitting(levels, lambda tick: tick, 1) == [0, 1, 2, 3, 10]
    assert fitting(levels, lambda tick: tick, 20) == [0, 10]
    assert fitting([], lambda tick: tick, 1) == []
