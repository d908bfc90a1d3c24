import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.search.conditions import Condition
from prunesweep.search.dimensions import Choice, Continuous, stepped
from prunesweep.search.space import Combination, Space

AMOUNT = stepped("amount", Decimal("0.1"), Decimal("0.5"), Decimal("0.1"))
LAYERS = Choice("layers", ("all", "fc"))
SPACE = Space((AMOUNT, LAYERS))

SCHEDULES = Space.of(
    (
        stepped("epochs", 1, 2, 1),
        Choice("schedule", ("one_shot", "iterative", "lottery")),
        stepped("rounds", 3, 5, 1),
        Choice("rewind", (0, 1)),
    ),
    {
        "epochs": Condition("schedule", ("one_shot", "iterative")),
        "rounds": Condition("schedule", ("iterative", "lottery")),
        "rewind": Condition("rounds", (5,)),
    },
)
"""Without fine-tuning under lottery, with rounds under iterative and lottery, with rewinding in 5 rounds alone."""


def by_hand() -> list[Combination]:
    """All combinations of SCHEDULES, in order."""
    rounds = [(("rounds", 3),), (("rounds", 4),), (("rounds", 5), ("rewind", 0)), (("rounds", 5), ("rewind", 1))]
    one_shot = [(("schedule", "one_shot"), ("epochs", epochs)) for epochs in (1, 2)]
    iterative = [(("schedule", "iterative"), ("epochs", epochs), *rest) for epochs in (1, 2) for rest in rounds]
    lottery = [(("schedule", "lottery"), *rest) for rest in rounds]
    return [*one_shot, *iterative, *lottery]


def everything(space: Space) -> list[Combination]:
    return [space.combination(space.at(index)) for index in range(space.size or 0)]


def test_the_size_is_the_number_of_distinct_combinations() -> None:
    assert SPACE.size == 10
    assert SCHEDULES.size == len(by_hand()) == 14
    assert Space((LAYERS, Continuous("lr", 0.0, 1.0))).size is None


def test_the_size_of_a_huge_space() -> None:
    assert Space(tuple(stepped(f"layer {number}", 1, 100, 1) for number in range(400))).size == 100**400


def test_every_index_is_another_combination() -> None:
    assert everything(SPACE) == [
        (("amount", amount), ("layers", layers)) for amount in AMOUNT.values for layers in LAYERS.values
    ]
    assert everything(SCHEDULES) == by_hand()


def test_overrides_are_those_of_the_searched_keys() -> None:
    assert SPACE.overrides({"amount": 0.3, "layers": "fc"}) == ["amount=0.3", "layers=fc"]
    assert SCHEDULES.overrides({"rounds": 4, "schedule": "lottery"}) == ["schedule=lottery", "rounds=4"]
    assert Space((Choice("a", (True, None)),)).overrides({"a": True}) == ["a=true"]


def test_corners_contain_every_option_and_both_ends() -> None:
    assert SPACE.corners() == [["amount=0.1", "layers=all"], ["amount=0.5", "layers=all"], ["amount=0.1", "layers=fc"]]


def test_corners_contain_a_key_with_every_value_of_its_condition() -> None:
    corners = [set(corner) for corner in SCHEDULES.corners()]
    for schedule in ("iterative", "lottery"):
        for rounds in (3, 5):
            assert any({f"schedule={schedule}", f"rounds={rounds}"} <= corner for corner in corners)
    assert any({"rounds=5", "rewind=1"} <= corner for corner in corners)
    assert all("rewind=0" not in corner for corner in corners if "rounds=5" not in corner)
    combinations = [set(SCHEDULES.overrides(dict(combination))) for combination in by_hand()]
    assert all(corner in combinations for corner in corners)


def test_complete_combinations_contain_the_searched_keys_and_no_others() -> None:
    assert all(SCHEDULES.is_complete(dict(combination)) for combination in by_hand())
    assert not SCHEDULES.is_complete({"schedule": "lottery"})
    assert not SCHEDULES.is_complete({"schedule": "lottery", "rounds": 3, "epochs": 1})
    assert not SCHEDULES.is_complete({})


def test_the_nearest_combination_that_is_free() -> None:
    taken = {SPACE.combination({"amount": 0.3, "layers": "all"})}
    assert SPACE.nearest({"amount": 0.3, "layers": "all"}, taken) in (
        {"amount": 0.2, "layers": "all"},
        {"amount": 0.4, "layers": "all"},
    )
    assert SPACE.nearest({"amount": 0.3, "layers": "all"}, set(everything(SPACE))) is None


def random_subset(space: Space) -> st.SearchStrategy[set[Combination]]:
    return st.sets(st.sampled_from(everything(space)))


@pytest.mark.parametrize("space", [SPACE, SCHEDULES], ids=["plain", "with conditions"])
@given(data=st.data())
def test_no_free_combination_is_nearer(space: Space, data: st.DataObject) -> None:
    taken = data.draw(random_subset(space))
    start = dict(data.draw(st.sampled_from(everything(space))))
    distances = [space.distance(start, dict(free)) for free in everything(space) if free not in taken]
    nearest = space.nearest(start, taken)
    if nearest is None:
        assert not distances
    else:
        assert space.combination(nearest) not in taken
        assert space.distance(start, nearest) == min(distances)


def test_the_nearest_combination_of_a_space_too_large_to_list() -> None:
    space = Space(tuple(stepped(f"layer {number}", 1, 1000, 1) for number in range(5)))
    start = dict(space.at(123_456_789))
    taken: set[Combination] = set()
    for _ in range(50):
        nearest = space.nearest(start, taken)
        assert nearest is not None
        assert space.distance(start, nearest) < 0.006
        taken.add(space.combination(nearest))
    assert len(taken) == 50


def test_an_interval_has_near_combinations_too() -> None:
    space = Space((Continuous("lr", 0.0, 1.0), LAYERS))
    taken = {space.combination({"lr": 0.5, "layers": "all"})}
    nearest = space.nearest({"lr": 0.5, "layers": "all"}, taken)
    assert nearest in ({"lr": 0.499, "layers": "all"}, {"lr": 0.501, "layers": "all"})


def test_exact_values_of_a_partial_proposal() -> None:
    assert SPACE.exact({"amount": 0.30000000000000004}) == {"amount": 0.3}


def test_all_pairs_have_symmetric_distances() -> None:
    for one, other in itertools.combinations(map(dict, by_hand()), 2):
        assert SCHEDULES.distance(one, other) == SCHEDULES.distance(other, one)
