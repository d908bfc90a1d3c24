import copy

import pytest
import torch
from torch import Tensor, nn

from prunesweep.models.build import build
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model
from prunesweep.pruning.cleanup import clean_up
from prunesweep.pruning.compact import compact

GREY = (1, 28, 28)
TINY = (1, 2, 2)
BORDERED = (1, 4, 4)


def filled(model: nn.Module, **values: list[float]) -> nn.Module:
    """Set the parameters of `model` to `values`, whose names have an underscore in place of each point."""
    for name, parameter in model.named_parameters():
        parameter.data = torch.tensor(values[f"p{name.replace('.', '_')}"]).float().reshape(parameter.shape)
    return model.eval()


def cleaned(model: nn.Module, shape: tuple[int, int, int]) -> nn.Module:
    """Return a clean copy of `model` after checking that it computes the same."""
    clean = copy.deepcopy(model)
    parameters = dict(clean.named_parameters())
    for name, value in clean_up(model, shape).items():
        parameters[name].data = value
    images = torch.randn(50, *shape)
    with torch.no_grad():
        assert torch.allclose(clean(images), model(images), atol=1e-5)
    return clean


def nonzero(model: nn.Module) -> int:
    return sum(int((parameter != 0).sum()) for parameter in model.parameters())


def values(model: nn.Module) -> dict[str, list[float]]:
    return {name: parameter.flatten().tolist() for name, parameter in model.named_parameters()}


def test_a_constant_moves_into_the_next_biases_and_a_dead_end_is_removed() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    filled(
        model,
        p1_weight=[1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],  # unit 1 has no input
        p1_bias=[0.5, 3, 0.25],
        p3_weight=[1, 2, 0, 0, 4, 0],  # unit 2 has no output
        p3_bias=[1, 0],
    )
    assert values(cleaned(model, TINY)) == {
        "1.weight": [1] + 11 * [0],
        "1.bias": [0.5, 0, 0],
        "3.weight": [1, 0, 0, 0, 0, 0],
        "3.bias": [1 + 2 * 3, 4 * 3],
    }


def test_a_constant_behind_relu_is_evaluated_by_relu() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 1))
    filled(model, p1_weight=[0, 0, 0, 0], p1_bias=[-3], p3_weight=[5], p3_bias=[1])
    assert values(cleaned(model, TINY)) == {"1.weight": 4 * [0], "1.bias": [0], "3.weight": [0], "3.bias": [1]}


def test_a_chain_of_constants_folds_to_the_end() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Linear(1, 1), nn.Tanh(), nn.Linear(1, 2))
    filled(model, p1_weight=[0, 0, 0, 0], p1_bias=[2], p2_weight=[3], p2_bias=[1], p4_weight=[1, 2], p4_bias=[0, 0])
    clean = cleaned(model, TINY)
    expected = torch.tensor(7.0).tanh() * torch.tensor([1.0, 2.0])
    assert torch.allclose(clean.get_parameter("4.bias"), expected)
    assert nonzero(clean) == 2, "the two logits"


def test_a_batch_norm_between_two_layers_is_evaluated_and_kept() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    model.train()(torch.randn(20, *TINY))
    model.eval()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.1, 1)
    model.get_parameter("1.weight").data[1] = 0
    clean = cleaned(model, TINY)
    assert not clean.get_parameter("4.weight")[:, 1].any()
    assert clean.get_parameter("1.bias")[1] == 0
    assert torch.equal(clean.get_parameter("2.bias"), model.get_parameter("2.bias"))


def bordered(second: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), second, nn.Flatten(), nn.LazyLinear(2))


@pytest.mark.parametrize(
    ("second", "constant", "folded"),
    [
        (nn.Conv2d(2, 1, 3), 1.0, True),
        (nn.Conv2d(2, 1, 3, padding=1), 1.0, False),
        (nn.Conv2d(2, 1, 3, padding=1), -1.0, True),
        (nn.Conv2d(2, 1, 3, padding=1, padding_mode="replicate"), 1.0, True),
        (nn.Conv2d(2, 1, 3, bias=False), 1.0, False),
        (nn.Conv2d(2, 1, 3, bias=False), -1.0, True),
        (nn.Conv2d(2, 2, 3, groups=2), 1.0, True),  # evaluated like any other module, and folded behind it
        (nn.ConvTranspose2d(2, 1, 3), 1.0, False),
        (nn.Sequential(nn.AvgPool2d(3, 1, padding=1), nn.Conv2d(2, 1, 3)), 1.0, False),
        (nn.Sequential(nn.MaxPool2d(3, 1, padding=1), nn.Conv2d(2, 1, 3)), 1.0, True),
    ],
    ids=[
        "plain",
        "padded",
        "zero padded",
        "replicated",
        "no bias",
        "zero, no bias",
        "groups",
        "transposed",
        "avg",
        "max",
    ],
)
def test_a_constant_channel_is_folded_only_where_that_is_exact(
    second: nn.Module, constant: float, *, folded: bool
) -> None:
    torch.manual_seed(0)
    model = bordered(second)
    model(torch.zeros(1, *BORDERED))  # sets the size of the lazy layer
    model.get_parameter("0.weight").data[0] = 0
    model.get_parameter("0.bias").data[:] = torch.tensor([constant, 1.0])
    clean = cleaned(model.eval(), BORDERED)
    assert (clean.get_parameter("0.bias")[0] == 0) == folded


class Residual(nn.Module):
    """A constant unit and a unit without an own output, both of which the skip connection joins with others."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 3), nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images.flatten(1)).relu()
        out: Tensor = self.last(hidden + self.second(hidden))
        return out


def test_skip_connections_are_followed() -> None:
    torch.manual_seed(0)
    model = Residual().eval()
    with torch.no_grad():
        model.first.bias[:] = 1.0
        model.first.weight[0] = 0  # constant, and so is its sum with the constant unit 0 of `second`
        model.second.weight[0] = 0
        model.second.weight[:, 1] = 0  # unit 1 of `first` reaches the outputs past `second` only
    clean = cleaned(model, TINY)
    assert not clean.get_parameter("last.weight")[:, 0].any()
    assert clean.get_parameter("first.bias").tolist() == [0, 1, 1]


def test_layers_that_run_twice_and_shared_weights_are_left_alone() -> None:
    layer, head = nn.Linear(4, 4), nn.Linear(4, 2)
    layer.weight.data[0] = 0
    assert clean_up(nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer, head), TINY).keys() <= {"4.weight", "4.bias"}
    other = nn.Linear(4, 4)
    other.weight = layer.weight
    assert clean_up(nn.Sequential(nn.Flatten(), layer, nn.ReLU(), other, head), TINY).keys() <= {"4.weight", "4.bias"}


class Hidden(nn.Module):
    """Hides by a comparison that its output depends on the image."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 1), nn.Linear(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.last((self.first(images.flatten(1)) > 0).to(images.dtype))
        return out


def test_a_dependence_that_nan_does_not_show_leaves_the_network_as_it_is() -> None:
    torch.manual_seed(0)
    assert clean_up(Hidden().eval(), TINY) == {}


@pytest.mark.parametrize("settings", [LeNet5(), LeNet5Caffe(), LeNet300100(), ConvLeNet()], ids=lambda each: each.name)
@pytest.mark.parametrize("amount", [0.9, 0.997])
def test_the_lenets_compute_the_same_with_fewer_parameters(settings: Model, amount: float) -> None:
    torch.manual_seed(0)
    model = build(settings, GREY, 10).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                chosen = parameter.abs().flatten().kthvalue(round(amount * parameter.numel())).values
                parameter[parameter.abs() <= min(chosen, parameter.abs().max() * 0.99)] = 0
                parameter.mul_(3)  # so that the images matter
    clean = cleaned(model, GREY)
    assert nonzero(clean) <= nonzero(model)
    if amount > 0.99:
        assert nonzero(clean) < nonzero(model)
    assert not clean_up(clean, GREY), "nothing is left to remove"
    images = torch.randn(10, *GREY)
    small = compact(clean, {name: each != 0 for name, each in clean.named_parameters()}, GREY)
    with torch.no_grad():
        assert torch.allclose(small(images), model(images), atol=1e-4)
    assert nonzero(small) == nonzero(clean)
