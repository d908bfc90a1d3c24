import pytest
import torch
from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.models.settings import LeNet5
from prunesweep.models.trial import Traits, traits, try_out

GREY = (1, 28, 28)


class Net(nn.Module):
    """One hidden layer, and what a subclass does around it."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU())
        self.head = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


def tried(network: nn.Module, classes: int = 10) -> Traits:
    return try_out(network, "custom", GREY, classes)


def test_the_order_is_that_of_the_execution() -> None:
    assert tried(Net()).executed == ("body.0", "body.1", "body.2", "head")
    assert traits(LeNet5(), GREY, 10).executed[-1] == "fc3"


class Viewing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5)
        self.fc = nn.Linear(4 * 24 * 24, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).view(-1, 4 * 24 * 24))


def test_a_network_that_needs_the_contiguous_layout_gets_it() -> None:
    assert tried(Net()).layout == "channels_last"
    assert tried(Viewing()).layout == "contiguous"


def test_the_network_and_the_random_state_stay_as_they_are() -> None:
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10)).eval()
    before, random = {k: v.clone() for k, v in network.state_dict().items()}, torch.random.get_rng_state()
    tried(network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


class Returning(Net):
    """Changes the output of the network."""

    def __init__(self, change: object) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(super().forward(x))  # type: ignore[operator,no-any-return]


class Breaking(Net):
    """Fails in its backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body(x).exp()
        logits = self.head(hidden)
        hidden.mul_(2)
        return logits


class Narrow(Net):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(9, 10)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Net(classes=9), r"shape \[2, 9\], but the dataset has 10 classes: the shape must be \[2, 10\]"),
        (Returning(lambda logits: (logits, logits)), "shape tuple"),
        (Returning(lambda logits: logits / 0), "not finite"),
        (Returning(lambda logits: logits.softmax(1)), "Remove the softmax"),
        (Narrow(), r"images of shape \[1, 28, 28\]: the forward pass fails in layer head \(RuntimeError: mat1"),
        (Breaking(), r"the backward pass fails \(RuntimeError: one of the variables"),
        (Net().double(), r"the forward pass fails in layer body.1 \(RuntimeError"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(9)), "in layer 2"),
    ],
)
def test_what_would_fail_in_training_fails_here(network: nn.Module, message: str) -> None:
    with pytest.raises(UsageError, match=f"^model=custom: .*{message}"):
        tried(network)


def test_log_probabilities_are_accepted() -> None:
    assert tried(Returning(lambda logits: logits.log_softmax(1))).layout == "channels_last"


def test_parameters_without_a_gradient_are_named() -> None:
    network = Net()
    network.unused = nn.Linear(2, 2)
    network.body[1].weight.requires_grad_(False)
    assert tried(network).without_gradient == ("unused.weight", "unused.bias")
