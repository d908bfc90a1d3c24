import pytest
import torch

from prunesweep import criteria
from prunesweep.errors import UsageError
from prunesweep.state import generator_of

WEIGHT = torch.tensor([1.0, -3.0, 0.5, -2.0])


def test_l1_is_the_magnitude() -> None:
    assert criteria.l1(WEIGHT, generator_of(0)).tolist() == [1.0, 3.0, 0.5, 2.0]


def test_l2_is_its_square() -> None:
    assert criteria.l2(WEIGHT, generator_of(0)).tolist() == [1.0, 9.0, 0.25, 4.0]


def test_random_draws_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first = criteria.random(WEIGHT, generator_of(1))
    assert torch.equal(first, criteria.random(WEIGHT, generator_of(1)))
    assert not torch.equal(first, criteria.random(WEIGHT, generator_of(2)))
    assert torch.equal(before, torch.random.get_rng_state())


def test_found_by_name_or_by_import_path() -> None:
    assert criteria.find("l1", None) is criteria.l1
    assert criteria.find("custom", "prunesweep.criteria.l2") is criteria.l2
    with pytest.raises(UsageError, match="prune.target=nope.score"):
        criteria.find("custom", "nope.score")
