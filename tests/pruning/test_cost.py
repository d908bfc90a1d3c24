import torch
from torch import nn

from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5, LeNet300100
from prunesweep.pruning.cost import LayerCost, cost
from prunesweep.pruning.selection import select
from prunesweep.pruning.settings import Layers

GREY = (1, 28, 28)


def test_a_small_network_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 2 * 2, 3, bias=False))  # 4x4 images
    mask = torch.ones(2, 1, 3, 3, dtype=torch.bool)
    mask[0] = False  # 9 of 18 weights
    result = cost(model, {"0.weight": mask}, ("0.weight",), (1, 4, 4))
    assert result.params_total == 18 + 2 + 24
    assert result.params_selected == 18
    assert result.params_pruned == 9
    assert result.params_nonzero == 35
    assert result.macs_total == 4 * 18 + 24
    assert result.macs_nonzero == 4 * 9 + 24
    assert result.layers == (LayerCost("0", "conv", 20, 11, 9 / 20), LayerCost("2", "fc", 24, 24, 0.0))


def test_multiply_adds_of_dense_networks() -> None:
    lenet5 = build(LeNet5(), GREY, 10)
    assert cost(lenet5, {}, (), GREY).macs_total == 784 * 150 + 100 * 2_400 + 48_000 + 10_080 + 840
    mlp = build(LeNet300100(), GREY, 10)
    assert cost(mlp, {}, (), GREY).macs_total == 266_200


def test_pruned_biases_count_as_parameters_but_cost_no_multiply_adds() -> None:
    model = build(LeNet5(), GREY, 10)
    selected = select(model, Layers(include=["fc3"], biases=True))
    masks = {"fc3.bias": torch.zeros(10, dtype=torch.bool)}
    result = cost(model, masks, selected, GREY)
    assert result.params_selected == 850
    assert result.params_pruned == 10
    assert result.macs_nonzero == result.macs_total
    assert result.layers[-1] == LayerCost("fc3", "fc", 850, 840, 10 / 850)


def test_a_network_without_prunable_layers() -> None:
    assert cost(nn.Flatten(), {}, (), GREY).layers == ()


def test_weights_on_no_path_to_the_output_do_not_count_as_effective() -> None:
    """Two hidden units: the first one loses its output, the second one loses its inputs."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    masks = {
        "1.weight": torch.tensor([[True, True], [False, False]]),
        "3.weight": torch.tensor([[False, True]]),
    }
    result = cost(model, masks, tuple(masks), (1, 1, 2))
    assert result.params_nonzero == 2 + 2 + 1 + 1
    assert result.params_effective == 1, "the bias of the output"
    assert result.dead_layers == ("1", "3")
    masks["1.weight"][1, 0] = True
    result = cost(model, masks, tuple(masks), (1, 1, 2))
    assert result.params_effective == 1 + 1 + 1 + 1, (
        "input, bias and output weight of the second unit, and the bias of the output"
    )
    assert result.dead_layers == ()


def test_every_parameter_of_a_dense_network_is_effective() -> None:
    for model in (build(LeNet5(), GREY, 10), build(LeNet300100(), GREY, 10)):
        selected = select(model, Layers())
        masks = {name: torch.ones_like(model.get_parameter(name), dtype=torch.bool) for name in selected}
        result = cost(model, masks, selected, GREY)
        assert result.params_effective == result.params_total
        assert result.dead_layers == ()


def test_a_network_that_inverts_signs_is_not_dead() -> None:
    class Negative(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(torch.relu(-self.one(x.flatten(1))))

    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[0] = False
    result = cost(Negative(), {"one.weight": mask}, ("one.weight",), (1, 2, 2))
    assert result.dead_layers == ()
    assert result.params_effective == result.params_nonzero
