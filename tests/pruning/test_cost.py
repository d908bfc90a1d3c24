import torch
from torch import nn

from prunesweep.models.settings import LeNet5, LeNet300100
from prunesweep.pruning.cost import LayerCost, cost
from prunesweep.pruning.selection import select
from prunesweep.pruning.settings import Layers

GREY = (1, 28, 28)


def test_a_small_network_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 2 * 2, 3, bias=False))  # 4x4 images
    mask = torch.ones(2, 1, 3, 3, dtype=torch.bool)
    mask[0] = False  # 9 of 18 weights
    found = cost(model, {"0.weight": mask}, ("0.weight",), (1, 4, 4))
    assert found.params_total == 18 + 2 + 24
    assert found.params_selected == 18
    assert found.params_pruned == 9
    assert found.params_nonzero == 35
    assert found.macs_total == 4 * 18 + 24
    assert found.macs_nonzero == 4 * 9 + 24
    assert found.layers == (LayerCost("0", "conv", 20, 11, 9 / 20), LayerCost("2", "fc", 24, 24, 0.0))


def test_dense_multiply_adds() -> None:
    lenet5 = LeNet5().build(GREY, 10)
    assert cost(lenet5, {}, (), GREY).macs_total == 784 * 150 + 100 * 2_400 + 48_000 + 10_080 + 840
    mlp = LeNet300100().build(GREY, 10)
    assert cost(mlp, {}, (), GREY).macs_total == 266_200


def test_pruned_biases_count_as_parameters_but_cost_no_multiply_adds() -> None:
    model = LeNet5().build(GREY, 10)
    selected = select(model, Layers(include=["fc3"], biases=True))
    masks = {"fc3.bias": torch.zeros(10, dtype=torch.bool)}
    found = cost(model, masks, selected, GREY)
    assert found.params_selected == 850
    assert found.params_pruned == 10
    assert found.macs_nonzero == found.macs_total
    assert found.layers[-1] == LayerCost("fc3", "fc", 850, 840, 10 / 850)


def test_a_network_without_anything_prunable() -> None:
    assert cost(nn.Flatten(), {}, (), GREY).layers == ()


def test_what_no_path_passes_does_not_count_as_effective() -> None:
    """Two hidden units; the first keeps its input and loses its output, the second the other way round."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    masks = {
        "1.weight": torch.tensor([[True, True], [False, False]]),
        "3.weight": torch.tensor([[False, True]]),
    }
    found = cost(model, masks, tuple(masks), (1, 1, 2))
    assert found.params_nonzero == 2 + 2 + 1 + 1
    assert found.params_effective == 1, "the output's bias"
    assert found.dead_layers == ("1", "3")
    masks["1.weight"][1, 0] = True
    found = cost(model, masks, tuple(masks), (1, 1, 2))
    assert found.params_effective == 1 + 1 + 1 + 1, "a weight and a bias of the second unit, its output, that bias"
    assert found.dead_layers == ()


def test_a_dense_network_is_all_effective() -> None:
    for model in (LeNet5().build(GREY, 10), LeNet300100().build(GREY, 10)):
        selected = select(model, Layers())
        masks = {name: torch.ones_like(model.get_parameter(name), dtype=torch.bool) for name in selected}
        found = cost(model, masks, selected, GREY)
        assert found.params_effective == found.params_total
        assert found.dead_layers == ()


def test_a_network_that_turns_signs_round_is_not_called_dead() -> None:
    class Negative(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(torch.relu(-self.one(x.flatten(1))))

    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[0] = False
    found = cost(Negative(), {"one.weight": mask}, ("one.weight",), (1, 2, 2))
    assert found.dead_layers == ()
    assert found.params_effective == found.params_nonzero
