import pytest

from prunesweep.report.compute.scales import codes, error_scale, places, setting_scale, size_scale


def test_names_are_categories_in_the_order_of_their_texts() -> None:
    column = ["random", "l1", "l1", None]
    scale = setting_scale(column)
    assert (scale.kind, scale.low, scale.high) == ("category", 0, 2)
    assert scale.values == ["l1", "null", "random"]
    assert places(column, scale) == codes(column) == [2, 0, 0, 1]


def test_a_few_numbers_are_listed_and_are_the_ticks() -> None:
    scale = setting_scale([0.9, 0.5, 0.8, 0.5])
    assert (scale.kind, scale.low, scale.high) == ("number", 0.5, 0.9)
    assert scale.values == ["0.5", "0.8", "0.9"]
    assert scale.ticks[-1] == [0.5, 0.8, 0.9]


def test_numbers_far_apart_have_a_logarithmic_scale() -> None:
    scale = setting_scale([10.0**-power for power in range(5)] + [number / 1000 for number in range(1, 50)])
    assert (scale.kind, scale.values) == ("log", []), "many numbers are not listed"
    assert places([0.001, 0.1], scale) == pytest.approx([-3, -1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_without_a_place_are_categories(value: float) -> None:
    assert setting_scale([1.0, value]).kind == "category"


def test_a_network_without_parameters_is_at_the_end_of_the_sizes() -> None:
    scale = size_scale([0, 500, 61_706])
    assert (scale.kind, scale.low, scale.high) == ("log", 1, 61_706)


def test_accuracies_are_drawn_by_their_error_and_a_perfect_one_has_a_place() -> None:
    scale = error_scale([1.0, 0.9], floor=0.1)
    assert scale.low == pytest.approx(100 - 10 * 100**0.02)
    assert scale.high == pytest.approx(100 - 0.1 / 100**0.02)
    assert all(scale.low <= tick <= scale.high for level in scale.ticks for tick in level)


def test_equal_values_have_a_scale() -> None:
    assert size_scale([5, 5]).ticks == [[5]]
    assert error_scale([0.9, 0.9], 0.1).low == pytest.approx(90)
