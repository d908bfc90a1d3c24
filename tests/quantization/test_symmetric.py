import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.quantization.symmetric import dequantized, quantized, scales

FLOATS = st.floats(-10, 10, width=32)


def test_the_largest_weight_of_each_channel_becomes_127() -> None:
    weight = torch.tensor([[1.27, -0.5, 0.0], [-254.0, 2.9, 3.1]])
    assert quantized(weight).tolist() == [[127, -50, 0], [-127, 1, 2]]
    assert scales(weight).tolist() == [0.0099999904632568359375, 2.0]


def test_channels_of_zeros() -> None:
    assert scales(torch.zeros(2, 3)).tolist() == [1, 1]
    assert scales(torch.tensor([[127.0], [0.0]])).tolist() == [1, 2**-12]


@given(st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_rounded_weights_keep_their_scales_and_integers(rows: list[list[float]]) -> None:
    weight = torch.tensor(rows)
    rounded = dequantized(weight)
    assert torch.equal(scales(rounded), scales(weight))
    assert torch.equal(quantized(rounded), quantized(weight))
    assert torch.equal(dequantized(rounded), rounded)
    assert quantized(weight).abs().max() <= 127
    assert ((rounded == 0) | (weight != 0)).all()
