import pytest

from prunesweep.errors import UsageError
from prunesweep.quantization.settings import Codebook, Int8, NoQuantization, bits_of


@pytest.mark.parametrize("bits", [0, 9, -1])
def test_bits_are_from_1_to_8(bits: int) -> None:
    with pytest.raises(UsageError, match=f"quantize.bits={bits}: must be at least 1 and at most 8"):
        Codebook(bits=bits)


def test_other_values_out_of_range_are_named() -> None:
    with pytest.raises(UsageError, match="quantize.scope=layers: must be one of layer, shared. Did you mean 'layer'"):
        Codebook(scope="layers")
    with pytest.raises(UsageError, match="quantize.epochs=-1"):
        Codebook(epochs=-1)
    with pytest.raises(UsageError, match="quantize.images=0"):
        Int8(images=0)


def test_bits_of_a_weight() -> None:
    assert [bits_of(each) for each in (NoQuantization(), Int8(), Codebook(bits=3))] == [None, 8, 3]
