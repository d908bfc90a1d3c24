import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from prunesweep.chain.seeding import generator_of
from prunesweep.data.datasets import Split
from prunesweep.pruning.inputs import input_norms

IMAGES = torch.randn(6, 2, 5, 5, generator=generator_of(0))


def norms(model: nn.Module, images: Tensor = IMAGES, batch: int = 4) -> dict[str, Tensor]:
    batches = [Split(part, torch.zeros(len(part), dtype=torch.int64)) for part in images.split(batch)]
    return input_norms(model.eval(), [name for name, _ in model.named_parameters()], batches)


def test_the_inputs_of_a_linear_layer_by_hand() -> None:
    images = torch.tensor([[3.0, 1.0], [4.0, -2.0]])
    found = norms(nn.Sequential(nn.Linear(2, 3)), images, batch=1)
    assert torch.allclose(found["0.weight"], torch.tensor([5.0, 5**0.5]).expand(3, 2))
    assert torch.allclose(found["0.bias"], torch.full((3,), 2**0.5))  # the input of a bias is 1, twice


@pytest.mark.parametrize("settings", [{}, {"stride": 2}, {"padding": 1}, {"dilation": 2}])
def test_the_inputs_of_a_convolution_are_those_at_all_positions_of_its_kernel(settings: dict[str, int]) -> None:
    found = norms(nn.Sequential(nn.Conv2d(2, 3, 3, **settings)))["0.weight"]
    patches = unfold(IMAGES, 3, **settings)  # type: ignore[arg-type]
    expected = patches.square().sum((0, 2)).sqrt().view(1, 2, 3, 3).expand(3, 2, 3, 3)
    assert torch.allclose(found, expected, atol=1e-5)


def test_groups_see_their_own_channels() -> None:
    found = norms(nn.Sequential(nn.Conv2d(2, 2, 1, groups=2, bias=False)))["0.weight"].flatten()
    assert torch.allclose(found, IMAGES.square().sum((0, 2, 3)).sqrt())


def test_a_layer_that_runs_twice_has_the_inputs_of_both_calls() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(2.0)
    model = nn.Sequential(layer, layer)
    assert norms(model, torch.tensor([[3.0]]))["0.weight"].item() == pytest.approx((9 + 36) ** 0.5)


def test_changes_in_place_and_the_network_itself_do_not_matter() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(inplace=True), nn.Linear(2, 1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.tensor([[1.0, -1.0, 2.0]])
    found = norms(model, images)
    hidden = model[0](images).relu()
    assert torch.allclose(found["2.weight"], hidden.abs())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_pre_hooks for module in model.modules())
