import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from prunesweep.pruning.multiplications import multiplications

SHAPE = (1, 8, 8)


class Twice(nn.Module):
    """A layer that is used twice, a functional call, and a weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(64, 5)
        self.again = nn.Linear(5, 5)
        self.same = nn.Linear(5, 5, bias=False)
        self.same.weight = self.again.weight
        self.leave = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.same(self.again(self.again(self.enter(x.flatten(1)))))
        return F.linear(x, self.leave.weight)


NETWORKS = {
    "convolution": nn.Conv2d(1, 4, 3),
    "stride and padding": nn.Conv2d(1, 4, 3, stride=2, padding=1),
    "dilation": nn.Conv2d(1, 4, 3, dilation=2),
    "groups": nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 8, 3, groups=2), nn.Conv2d(8, 8, 3, groups=8)),
    "transposed": nn.Sequential(nn.Conv2d(1, 4, 2, stride=2), nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1)),
    "one dimension": nn.Sequential(nn.Flatten(2), nn.Conv1d(1, 3, 5)),
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
    "linear over rows": nn.Sequential(nn.Linear(8, 3), nn.Linear(3, 2, bias=False)),
    "twice": Twice(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_multiplications_are_those_that_torch_counts(name: str) -> None:
    network = NETWORKS[name].eval()
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        network(torch.zeros(1, *SHAPE))
    counts = multiplications(network, SHAPE)
    assert 2 * sum(counts[key] * value.numel() for key, value in network.named_parameters()) == flops.get_total_flops()


def test_each_weight_is_counted_where_it_is_used() -> None:
    assert multiplications(NETWORKS["twice"], SHAPE) == {
        "enter.weight": 1,
        "enter.bias": 0,
        "again.weight": 3,
        "again.bias": 0,
        "leave.weight": 1,
        "leave.bias": 0,
    }
    assert multiplications(NETWORKS["transposed"], SHAPE)["1.weight"] == 16, "once for each of 4 x 4 input positions"


def test_the_network_and_the_random_state_stay_as_they_are() -> None:
    network, before = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 2)), torch.random.get_rng_state()
    multiplications(network, SHAPE)
    assert network.training
    assert torch.equal(torch.random.get_rng_state(), before)
