import pytest
from optuna import create_study
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler

from prunesweep.errors import UsageError
from prunesweep.search.conditions import Condition
from prunesweep.search.dimensions import Choice, Continuous, stepped
from prunesweep.search.sampler import Exact, every_combination, sampled
from prunesweep.search.space import Space

SPACE = Space.of(
    (Choice("schedule", ("one_shot", "lottery")), stepped("amount", 0.1, 0.9, 0.1)),
    {"amount": Condition("schedule", ("one_shot",))},
)


def proposal(sampler: BaseSampler, space: Space = SPACE) -> dict[str, object]:
    return dict(space.suggest(create_study(sampler=sampler).ask()))


def test_each_proposal_is_reproducible_and_differs_from_the_next() -> None:
    space = Space((stepped("amount", 0, 100_000, 1),))
    propose = sampled(lambda seed: RandomSampler(seed), space, seed=3)
    first = [proposal(propose(number), space) for number in range(5)]
    assert first == [proposal(propose(number), space) for number in range(5)]
    assert len({values["amount"] for values in first}) == 5
    other = sampled(lambda seed: RandomSampler(seed), space, seed=4)
    assert proposal(other(0), space) != first[0]


def test_a_sequence_keeps_its_seed() -> None:
    seeds: list[int] = []

    def make(seed: int) -> BaseSampler:
        seeds.append(seed)
        return QMCSampler(seed=seed)

    for number in range(3):
        sampler = sampled(make, SPACE, seed=3)(number)
        assert isinstance(sampler, Exact)
    assert seeds[1::2] == [3, 3, 3]


def test_the_grid_contains_every_distinct_combination_once() -> None:
    propose = every_combination(SPACE, seed=0)
    proposed = [SPACE.combination(proposal(propose(number))) for number in range(10)]
    assert len(set(proposed)) == SPACE.size == 10
    other = every_combination(SPACE, seed=1)
    assert [SPACE.combination(proposal(other(number))) for number in range(10)] != proposed


def test_an_interval_has_no_grid() -> None:
    with pytest.raises(UsageError, match="sampler=grid: cannot enumerate the interval of lr"):
        every_combination(Space((Continuous("lr", 0.0, 1.0),)), seed=0)
