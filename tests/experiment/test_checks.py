from pathlib import Path

import pytest
import torch
from support import Compose
from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment


class Counting(nn.Module):
    """A network with a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(x.flatten(1))
        return logits


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("model=custom", f"model.target={__name__}.Counting", "finetune.average=1"),
            "finetune.average=1: .*: seen. Set",
        ),
        (("prune.penalty=l1",), "prune.penalty=l1: schedule=one_shot trains without a penalty. Set schedule=penalty"),
        (
            ("prune.structure=n_of_m", "layers.biases=true"),
            "layers.biases=true: prune.structure=n_of_m .* Set layers.bia",
        ),
        (("train.epochs=0", "finetune.distill=0.5"), "finetune.distill=0.5: the dense network is not trained"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_training(
    overrides: tuple[str, ...], message: str, short: Compose, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        experiment.run(short(*overrides), tmp_path)
    assert not list(tmp_path.iterdir())


class Sigmoid(nn.Module):
    """A network with a sigmoid after its second layer, which maps the zeros of pruned channels to 0.5."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 20), nn.Linear(20, 20), nn.Linear(20, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc3(self.fc2(self.fc1(images.flatten(1)).relu()).sigmoid())


def test_channels_before_a_sigmoid_are_refused_before_training(short: Compose, tmp_path: Path) -> None:
    channel = ("model=custom", f"model.target={__name__}.Sigmoid", "prune.structure=channel")
    message = "prune.structure=channel: the channels of model=custom cannot be removed: .*layers.exclude"
    with pytest.raises(UsageError, match=message):
        experiment.run(short(*channel), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "store").exists()
    result = experiment.run(short(*channel, "layers.exclude=[fc2]", "train.epochs=0"), tmp_path / "run")
    assert result.compact, "the advice of the message helps"
