from prunesweep.search.conditions import Condition
from prunesweep.search.dimensions import Choice, stepped
from prunesweep.search.possible import possible
from prunesweep.search.space import Space

LAYERS = Choice("layers", ("all", "conv", "fc"))


def obstacle(overrides: list[str]) -> str | None:
    """No layer is a convolution, and `global` needs more than one round."""
    if "layers=conv" in overrides:
        return "no convolution"
    return "one round" if {"scope=global", "rounds=1"} <= {*overrides} else None


def test_an_option_that_never_works_is_left_out_with_its_reason() -> None:
    space, left_out = possible(Space.of((stepped("epochs", 0, 5, 1), LAYERS), {}), obstacle)
    assert space.texts == {"epochs": "range(0,5,step=1)", "layers": "choice(all,fc)"}
    assert left_out == {"layers=conv": "no convolution"}


def test_an_option_that_works_with_another_value_stays() -> None:
    space = Space.of((Choice("scope", ("global", "erk")), stepped("rounds", 1, 5, 1)), {})
    assert possible(space, obstacle) == (space, {})


def test_keys_that_depend_on_an_option_leave_with_it() -> None:
    conditions = {"kernel": Condition("layers", ("conv",)), "rate": Condition("layers", ("conv", "fc"))}
    space = Space.of((LAYERS, stepped("kernel", 1, 5, 2), stepped("rate", 1, 2, 1)), conditions)
    remaining, left_out = possible(space, obstacle)
    assert remaining.texts == {"layers": "choice(all,fc)", "rate": "range(1,2,step=1) if layers=fc"}
    assert list(left_out) == ["layers=conv"]


def test_combinations_without_the_option_do_not_count_and_none_is_examined_twice() -> None:
    space = Space.of(
        (Choice("scope", ("global", "erk")), LAYERS, stepped("rounds", 2, 5, 1)),
        {"layers": Condition("scope", ("erk",))},
    )
    asked: list[tuple[str, ...]] = []

    def recorded(overrides: list[str]) -> str | None:
        asked.append(tuple(overrides))
        return obstacle(overrides)

    assert list(possible(space, recorded)[1]) == ["layers=conv"]
    with_conv = [each for each in asked if "layers=conv" in each]
    assert len(with_conv) == len(set(with_conv)) > 1


def test_nothing_is_left_out_if_nothing_works() -> None:
    space = Space.of((LAYERS,), {})
    assert possible(space, lambda _: "no data") == (space, {})
