import torch
from torch import nn

from prunesweep.pruning.flow import flow


def test_flow_by_hand() -> None:
    """Two inputs of one, weights 2 and 3, then 5: R = 5 * (2 + 3)."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    flows = flow(model, {"1.weight": torch.tensor([[2.0, 3.0]]), "3.weight": torch.tensor([[5.0]])}, (1, 1, 2))
    assert flows["1.weight"].tolist() == [[5.0, 5.0]]
    assert flows["3.weight"].tolist() == [[5.0]]
    assert flows["1.weight"].dtype == torch.float64
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())


def test_a_unit_without_inputs_passes_no_flow() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    weights = {"1.weight": torch.tensor([[1.0, 1.0], [0.0, 0.0]]), "3.weight": torch.tensor([[1.0, 1.0]])}
    flows = flow(model, weights, (1, 1, 2))
    assert flows["3.weight"].tolist() == [[2.0, 0.0]]
