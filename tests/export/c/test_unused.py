import numpy as np

from prunesweep.export.c.layers import Activation, Conv, Linear
from prunesweep.export.c.stages import Stage
from prunesweep.export.c.unused import without_unused


def chain(first: Conv, weight: np.ndarray) -> list[Stage]:
    """A convolution to 3 channels of 2x2 values, ReLU, and a linear layer to 2 classes."""
    linear = Linear("fc", weight, np.array([1.0, 2.0]))
    return [Stage(first, (Activation("relu", "relu"),), (1, 4, 4)), Stage(linear, (), (12, 1, 1))]


def conv() -> Conv:
    weight = np.arange(27.0).reshape(3, 1, 3, 3)
    return Conv("conv", weight, np.ones(weight.shape, bool), np.arange(3.0))


def test_channels_that_the_next_stage_does_not_use_are_removed() -> None:
    weight = np.zeros((2, 12))
    weight[1, 3], weight[0, 8] = 5, 7  # channels 0 and 2
    first, second = without_unused(chain(conv(), weight))
    assert first.head.bias.tolist() == [0, 2]
    assert first.head.weight[:, 0, 0, 0].tolist() == [0, 18]
    assert isinstance(first.head, Conv)
    assert first.head.connected.shape == (2, 1, 3, 3)
    assert second.input_shape == (8, 1, 1)
    assert second.head.weight.tolist() == [[0, 0, 0, 0, 7, 0, 0, 0], [0, 0, 0, 5, 0, 0, 0, 0]]
    assert second.head.bias.tolist() == [1, 2]


def test_one_channel_and_all_classes_are_kept() -> None:
    first, second = without_unused(chain(conv(), np.zeros((2, 12))))
    assert first.head.bias.tolist() == [0]
    assert second.head.weight.shape == (2, 4)


def test_removal_goes_from_the_last_stage_to_the_first() -> None:
    layers = [np.ones((3, 4)), np.array([[1.0, 0, 1], [0, 1, 0]]), np.array([[1.0, 0]])]
    stages = [
        Stage(Linear(f"fc{index}", weight, np.zeros(len(weight))), (), (weight.shape[1], 1, 1))
        for index, weight in enumerate(layers)
    ]
    clean = without_unused(stages)
    assert [stage.head.weight.shape for stage in clean] == [(2, 4), (1, 2), (1, 1)]
