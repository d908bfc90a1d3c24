import numpy as np
import pytest

from prunesweep.export.c.layers import Conv, Linear, Pool, Scale, scaled, scaling


def test_the_size_of_the_output_of_a_convolution() -> None:
    weight = np.zeros((1, 1, 5, 3))
    conv = Conv("conv", weight, weight == 0, np.zeros(1))
    assert conv.output_size(28, 28) == (24, 26)
    padded = Conv("conv", weight, weight == 0, np.zeros(1), (2, 1), (2, 2, 1, 0), (1, 2))
    assert padded.output_size(28, 28) == (14, 25)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "size", "inside"),
    [
        ((2, 2), (2, 2), (0, 0), (1, 1), (3, 3), True),
        ((2, 2), (2, 2), (0, 0), (1, 1), (4, 3), False),
        ((2, 2), (2, 2), (1, 0), (1, 1), (3, 3), False),
        ((2, 2), (2, 2), (0, 0), (3, 3), (2, 2), True),
        ((2, 2), (2, 2), (0, 0), (4, 3), (3, 2), False),
    ],
)
def test_windows_that_reach_over_the_border(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    size: tuple[int, int],
    inside: bool,
) -> None:
    assert Pool("pool", "max", kernel, stride, padding, size, dilation).fits(7, 7) == inside


def test_a_scale_before_and_after_a_linear_layer() -> None:
    """By hand: y = 2 a + 3 b + 1, for a = 10 x + 100 and b = 20 y + 200, and then 5 y + 7."""
    linear = Linear("fc", np.array([[2.0, 3.0]]), np.array([1.0]))
    before = scaling(linear, Scale("bn", np.array([10.0, 20.0]), np.array([100.0, 200.0])), 1)
    assert before.weight.tolist() == [[20, 60]]
    assert before.bias.tolist() == [801]
    after = scaled(linear, Scale("bn", np.array([5.0]), np.array([7.0])))
    assert after.weight.tolist() == [[10, 15]]
    assert after.bias.tolist() == [12]


def test_a_scale_of_a_channel_applies_to_all_its_places() -> None:
    linear = Linear("fc", np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([0.0]))
    both = scaling(linear, Scale("bn", np.array([10.0, 100.0]), np.array([1.0, 2.0])), 2)
    assert both.weight.tolist() == [[10, 20, 300, 400]]
    assert both.bias.tolist() == [1 + 2 + 2 * 3 + 2 * 4]
