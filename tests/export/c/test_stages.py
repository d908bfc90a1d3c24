import numpy as np
import pytest

from prunesweep.export.c.graph import NotSupported
from prunesweep.export.c.layers import Activation, Conv, Layer, Linear, Padding, Pool, Scale
from prunesweep.export.c.stages import build_stages, pooling_first

IDENTITY = Scale("pixels", np.ones(1), np.zeros(1))
NORMAL = Scale("pixels", np.array([0.5]), np.array([-1.0]))
RELU = Activation("relu", "relu")
SUM = Linear("fc", np.ones((1, 16)), np.zeros(1))


def conv(outputs: int = 1, inputs: int = 1, size: int = 3, padding: int = 0) -> Conv:
    weight = np.ones((outputs, inputs, size, size))
    return Conv("conv", weight, weight != 0, np.zeros(outputs), padding=(padding,) * 4)


def pool(kind: str, size: int) -> Pool:
    return Pool("pool", kind, (2, 2), (2, 2), (0, 0), (size, size))


def test_a_stage_is_a_layer_and_what_follows_it() -> None:
    layers: list[Layer] = [conv(4), pool("max", 6), RELU, Linear("fc", np.ones((10, 144)), np.zeros(10)), RELU]
    stages = build_stages(layers, (1, 14, 14), IDENTITY)
    assert [len(stage.tail) for stage in stages] == [2, 1]
    assert [stage.input_shape for stage in stages] == [(1, 14, 14), (144, 1, 1)]
    assert [stage.head_shape for stage in stages] == [(4, 12, 12), (10, 1, 1)]
    assert [stage.output_shape for stage in stages] == [(4, 6, 6), (10, 1, 1)]


def test_the_normalization_of_pixels_becomes_a_part_of_the_first_layer_without_padding() -> None:
    (stage,) = build_stages([conv()], (1, 4, 4), NORMAL)
    assert stage.head.weight.ravel().tolist() == [0.5] * 9
    assert stage.head.bias.tolist() == [-9]
    (stage,) = build_stages([SUM], (1, 4, 4), NORMAL)
    assert stage.head.bias.tolist() == [-16]


def test_the_zeros_around_an_image_are_not_pixels() -> None:
    first, second = build_stages([conv(padding=1)], (1, 4, 4), NORMAL)
    assert first.head.weight.ravel().tolist() == [0.5]
    assert second.padded_shape == (1, 6, 6)
    assert second.head.weight.ravel().tolist() == [1] * 9


def test_batch_normalization_becomes_a_part_of_the_layer_before_or_after_it() -> None:
    norm = Scale("bn", np.array([2.0]), np.array([3.0]))
    (stage,) = build_stages([conv(), norm], (1, 4, 4), IDENTITY)
    assert (stage.head.weight.ravel()[0], stage.head.bias[0]) == (2, 3)
    first, second = build_stages([conv(), RELU, norm, conv()], (1, 6, 6), IDENTITY)
    assert first.tail == (RELU,)
    assert (second.head.weight.ravel()[0], second.head.bias[0]) == (2, 27)
    assert len(build_stages([conv(), RELU, norm, conv(padding=1)], (1, 6, 6), IDENTITY)) == 3


def test_padding_is_a_part_of_the_convolution_after_it() -> None:
    layers: list[Layer] = [Padding("pad", (1, 2, 3, 4)), Padding("pad", (1, 1, 1, 1)), conv(padding=1)]
    assert build_stages(layers, (1, 4, 4), IDENTITY)[-1].padding == (3, 4, 5, 6)
    for after in ([], [RELU, conv()]):
        with pytest.raises(NotSupported, match=r"--format=c: pad \(zero padding that is not followed by a conv"):
            build_stages([Padding("pad", (1, 1, 1, 1)), *after], (1, 4, 4), IDENTITY)


def test_max_pooling_moves_before_activations_and_average_pooling_does_not() -> None:
    most, mean, other = pool("max", 2), pool("average", 1), Activation("tanh", "tanh")
    assert pooling_first((RELU, other, most)) == (most, RELU, other)
    assert pooling_first((RELU, mean, other, most)) == (RELU, mean, most, other)
