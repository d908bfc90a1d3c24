from prunesweep.search.conditions import Condition
from prunesweep.search.dimensions import Choice, stepped
from prunesweep.search.space import Space
from prunesweep.search.worst_case import most_expensive

SPACE = Space.of(
    (stepped("epochs", 1, 8, 1), Choice("schedule", ("one_shot", "iterative")), stepped("rounds", 2, 5, 1)),
    {"rounds": Condition("schedule", ("iterative",))},
)


def price(overrides: list[str]) -> int:
    """Return the number of epochs."""
    values = dict(each.split("=") for each in overrides)
    return int(values["epochs"]) * int(values.get("rounds", 1))


def test_the_ends_of_several_keys_are_combined() -> None:
    assert most_expensive(SPACE, price) == ["epochs=8", "schedule=iterative", "rounds=5"]


def test_each_combination_is_priced_once() -> None:
    asked: list[tuple[str, ...]] = []

    def counted(overrides: list[str]) -> int:
        asked.append(tuple(overrides))
        return price(overrides)

    most_expensive(SPACE, counted)
    assert len(asked) == len(set(asked)) < 12
