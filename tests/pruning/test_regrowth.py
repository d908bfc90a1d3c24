import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.pruning.regrowth import cosine, exchange, hysteresis


def bits(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.bool)


def test_the_smallest_weights_are_dropped_and_the_highest_growth_scores_return() -> None:
    magnitudes = torch.tensor([4.0, 1.0, 3.0, 2.0, 0.0, 0.0])
    growth = torch.tensor([9.0, 0.1, 9.0, 0.2, 0.3, 0.4])
    mask = bits(1, 1, 1, 1, 0, 0)
    assert exchange(magnitudes, growth, mask, 0.25).tolist() == bits(1, 0, 1, 1, 0, 1).tolist()
    assert exchange(magnitudes, growth, mask, 0.5).tolist() == bits(1, 0, 1, 0, 1, 1).tolist()
    assert exchange(magnitudes, growth, mask, 0.0).tolist() == mask.tolist()


def test_a_dropped_weight_may_return_at_once() -> None:
    growth = torch.tensor([0.0, 5.0, 1.0])
    assert exchange(torch.tensor([2.0, 1.0, 0.0]), growth, bits(1, 1, 0), 0.5).tolist() == [True, True, False]


def test_exempt_weights_are_not_dropped() -> None:
    growth, mask = torch.tensor([0.0, 0.0, 0.0, 1.0]), bits(1, 1, 1, 0)
    found = exchange(torch.tensor([1.0, 2.0, 3.0, 0.0]), growth, mask, 1 / 3, bits(1, 0, 0, 0))
    assert found.tolist() == [True, False, True, True]
    assert exchange(growth, growth, mask, 1.0, bits(1, 1, 1, 0)).tolist() == mask.tolist()


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.floats(0, 1), st.integers(0, 9))
def test_the_number_of_kept_weights_stays(mask: list[bool], fraction: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.rand(2, len(mask), generator=generator)
    assert int(exchange(one, other, torch.tensor(mask), fraction).sum()) == sum(mask)


def test_the_fraction_falls_along_half_a_cosine_wave() -> None:
    assert [cosine(0.3, part) for part in (0, 0.5, 1)] == [0.3, pytest.approx(0.15), 0]


def test_two_thresholds_by_hand() -> None:
    """Magnitudes 1, 2, 3 have the mean 2 and the standard deviation sqrt(2/3).

    At c = 0, the thresholds are 1.8 and 2.2: the kept weights 2 and 3 stay, and a pruned 2 does not return.
    """
    magnitudes = {"a": torch.tensor([1.0, 2.0, 3.0])}
    deviation = (2 / 3) ** 0.5
    kept = hysteresis(magnitudes, {})["a"].tolist()
    assert kept == pytest.approx([(1 / 0.9 - 2) / deviation, (2 / 0.9 - 2) / deviation, (3 / 0.9 - 2) / deviation])
    assert [score >= 0 for score in kept] == [False, True, True]
    pruned = hysteresis(magnitudes, {"a": bits(1, 0, 0)})["a"].tolist()
    assert pruned == pytest.approx([(1 / 0.9 - 2) / deviation, (2 / 1.1 - 2) / deviation, (3 / 1.1 - 2) / deviation])
    assert [score >= 0 for score in pruned] == [False, False, True]


def test_equal_magnitudes_have_scores() -> None:
    scores = hysteresis({"a": torch.ones(2), "b": torch.ones(1)}, {"a": bits(1, 0)})
    assert scores["a"][0] > scores["a"][1]
    assert all(not score.isnan().any() for score in scores.values())
