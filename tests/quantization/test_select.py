import pytest
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.quantization.select import check_left, quantized_parameters
from prunesweep.quantization.settings import Codebook, Int8, NoQuantization

NET = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def test_weights_and_biases_of_layers_are_quantized() -> None:
    assert quantized_parameters(NET, NoQuantization()) == ()
    assert quantized_parameters(NET, Int8()) == ("0.weight", "0.bias", "3.weight", "3.bias")
    assert quantized_parameters(NET, Codebook()) == ("0.weight", "0.bias", "3.weight", "3.bias")


def test_what_cannot_be_quantized_is_refused() -> None:
    with pytest.raises(UsageError, match=r"quantize=int8: the layer 1 \(GELU\)"):
        quantized_parameters(nn.Sequential(nn.Flatten(), nn.GELU(), nn.Linear(8, 3)), Int8())
    layer = nn.Linear(4, 4)
    with pytest.raises(UsageError, match=r"quantize=codebook: 1.weight is the same parameter as 0.weight"):
        quantized_parameters(nn.Sequential(layer, layer), Codebook())


def test_a_codebook_larger_than_the_weights_is_refused() -> None:
    check_left(Codebook(bits=5), 32)
    with pytest.raises(
        UsageError, match=r"quantize.bits=5: a codebook of 32 entries is larger than the 31 param.*bits=4"
    ):
        check_left(Codebook(bits=5), 31)
