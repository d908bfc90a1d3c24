import torch
from torch import nn

from prunesweep.pruning.tracing import hooked, layers_that_run_once, unit_dimension


class Mixed(nn.Module):
    """Runs its layers in another order than it declares them, one of them twice, and one that is grouped."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 3)
        self.first = nn.Conv2d(1, 4, 2)
        self.grouped = nn.Conv2d(4, 4, 1, groups=2)
        self.twice = nn.Linear(4, 4)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.grouped(self.first(x)).flatten(1)
        return self.last(self.twice(self.twice(x)))


def test_layers_that_run_once_in_the_order_in_which_they_run() -> None:
    model = Mixed()
    assert layers_that_run_once(model, torch.ones(1, 1, 2, 2)) == {"first": model.first, "last": model.last}


def test_shared_weights_cannot_be_followed() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    model[2].weight = model[1].weight
    assert list(layers_that_run_once(model, torch.ones(1, 1, 2, 2))) == ["3"]


def test_the_units_of_a_layer_and_the_removal_of_hooks() -> None:
    assert (unit_dimension(nn.Linear(2, 2)), unit_dimension(nn.Conv2d(1, 1, 1))) == (-1, 1)
    model, calls = nn.Linear(1, 1), []
    with hooked([model.register_forward_hook(lambda *_: calls.append(1))]):
        model(torch.ones(1, 1))
    model(torch.ones(1, 1))
    assert calls == [1]
