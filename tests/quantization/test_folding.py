import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from prunesweep.quantization.folding import folded
from prunesweep.quantization.symmetric import quantized


def normalization(kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d], **values: list[float]) -> nn.Module:
    layer = kind(2, eps=0.0)
    for name, numbers in values.items():
        layer.state_dict()[name].copy_(torch.tensor(numbers))
    return layer.eval()


def test_a_linear_layer_by_hand() -> None:
    """(2x + 1 - 3) / 2 * 10 + 5 = 10x - 5, and (x - 0) / 1 * -1 + 0 = -x."""
    linear = nn.Linear(1, 2)
    linear.weight.data, linear.bias.data = torch.tensor([[2.0], [1.0]]), torch.tensor([1.0, 0.0])
    norm = normalization(
        nn.BatchNorm1d, running_mean=[3.0, 0.0], running_var=[4.0, 1.0], weight=[10.0, -1.0], bias=[5.0, 0.0]
    )
    [(name, layer)] = folded([("fc", linear), ("bn", norm)])
    assert name == "fc"
    assert layer.weight.tolist() == [[10.0], [-1.0]]
    assert layer.bias.tolist() == [-5.0, 0.0]
    assert linear.weight.tolist() == [[2.0], [1.0]], "the given layer is not modified"


def test_a_padded_convolution_without_bias_and_without_factors() -> None:
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2, affine=False)
    norm(torch.randn(4, 2, 5, 5) * 3 + 1)
    layers = [("conv", conv), ("bn", norm.eval()), ("relu", nn.ReLU())]
    found, images = nn.Sequential(*(layer for _, layer in folded(layers))), torch.randn(3, 1, 6, 6)
    torch.testing.assert_close(found(images), torch.relu(norm(conv(images))), atol=1e-6, rtol=1e-6)
    assert [name for name, _ in folded(layers)] == ["conv", "relu"]


@given(st.lists(st.floats(-100, 100).filter(lambda factor: abs(factor) > 0.1), min_size=2, max_size=2))
def test_the_integers_of_weights_stay_the_same_up_to_their_sign(factors: list[float]) -> None:
    conv = nn.Conv2d(3, 2, 3)
    conv.weight.data = torch.randn(conv.weight.shape, generator=torch.Generator().manual_seed(0))
    signs = torch.tensor(factors).sign().view(-1, 1, 1, 1)
    conv.weight.data = (quantized(conv.weight) / 64).float()  # as after the step ToInt8
    [(_, layer)] = folded([("conv", conv), ("bn", normalization(nn.BatchNorm2d, weight=factors))])
    assert torch.equal(quantized(layer.weight), signs * quantized(conv.weight))
