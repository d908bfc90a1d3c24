from decimal import Decimal

from prunesweep.search.dimensions import Choice, Continuous, Stepped
from prunesweep.search.space import Space

AMOUNT = Stepped("amount", Decimal("0.1"), Decimal("0.5"), Decimal("0.1"), whole=False)
LAYERS = Choice("layers", ("all", "fc"))
SPACE = Space((AMOUNT, LAYERS))


def test_size_counts_combinations() -> None:
    assert SPACE.size == 10
    assert Space((LAYERS, Continuous("lr", 0.0, 1.0))).size is None


def test_overrides_read_as_written() -> None:
    assert SPACE.overrides({"amount": 0.3, "layers": "fc"}) == ["amount=0.3", "layers=fc"]
    assert Space((Choice("a", (True, None)),)).overrides({"a": True}) == ["a=true"]


def test_corners_hold_every_choice_and_both_ends() -> None:
    assert SPACE.corners() == [["amount=0.1", "layers=all"], ["amount=0.5", "layers=all"], ["amount=0.1", "layers=fc"]]


def test_the_nearest_combination_that_is_new() -> None:
    taken = {(0.3, "all")}
    assert SPACE.nearest({"amount": 0.3, "layers": "all"}, taken) in (
        {"amount": 0.2, "layers": "all"},
        {"amount": 0.4, "layers": "all"},
    )
    everything = {(amount, layers) for amount in AMOUNT.values for layers in LAYERS.values}
    assert SPACE.nearest({"amount": 0.3, "layers": "all"}, everything - {(0.5, "fc")}) == {
        "amount": 0.5,
        "layers": "fc",
    }
    assert SPACE.nearest({"amount": 0.3, "layers": "all"}, everything) is None


def test_exact_goes_as_far_as_the_proposal() -> None:
    assert SPACE.exact({"amount": 0.30000000000000004}) == {"amount": 0.3}
