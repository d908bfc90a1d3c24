import pytest
import torch
from torch import Tensor, nn

from prunesweep.models.build import build
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model
from prunesweep.pruning.paths import IMAGE, OUTPUT
from prunesweep.pruning.wiring import trace

GREY = (1, 28, 28)


def test_channels_reach_their_features_through_pooling_and_flattening() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    model.append(nn.Linear(2 * 2 * 1, 3))  # images of 4x2 pixels
    wiring = trace(model, (1, 4, 2))
    assert wiring.units == {"0.weight": (2, 1), "5.weight": (3, 4)}
    assert wiring.reads["0.weight"][IMAGE].tolist() == [[True]]
    assert wiring.reads["5.weight"]["0.weight"].tolist() == [[True, False]] * 2 + [[False, True]] * 2
    assert wiring.reads[OUTPUT]["5.weight"].equal(torch.eye(3, dtype=torch.bool))


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x.flatten(1))
        return x + self.two(x.relu())


def test_a_skip_connection_leads_around_a_layer() -> None:
    wiring = trace(Skip(), (1, 1, 2))
    assert set(wiring.reads[OUTPUT]) == {"one.weight", "two.weight"}
    assert set(wiring.reads["two.weight"]) == {"one.weight"}


@pytest.mark.parametrize("settings", [LeNet5(), LeNet5Caffe(), LeNet300100(), ConvLeNet()], ids=lambda each: each.name)
def test_every_layer_of_the_lenets_reads_the_one_before(settings: Model) -> None:
    model = build(settings, GREY, 10)
    wiring = trace(model, GREY)
    weights = [name for name, parameter in model.named_parameters() if parameter.dim() > 1]
    assert list(wiring.units) == weights
    sources = [IMAGE, *weights]
    assert [list(wiring.reads[reader]) for reader in (*weights, OUTPUT)] == [[source] for source in sources]


def test_the_network_is_not_modified() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    before = model(torch.ones(1, 1, 2, 2))
    trace(model, (1, 2, 2))
    assert torch.equal(model(torch.ones(1, 1, 2, 2)), before)


class Comparing(nn.Module):
    """Depends on its image in a way that NaN does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((x > 0).float().flatten(1))


class Refusing(Comparing):
    def forward(self, x: Tensor) -> Tensor:
        if x.isnan().any():
            raise ValueError("an image is not finite")
        return self.fc(x.flatten(1))


@pytest.mark.parametrize("kind", [Comparing, Refusing])
def test_paths_that_cannot_be_followed(kind: type[nn.Module]) -> None:
    assert dict(trace(kind(), (1, 2, 2)).units) == {}
