from dataclasses import replace

import pytest
import torch
from chains import CONTEXT, initial_state
from torch import nn

from prunesweep.chain.average import Average, buffers_without_average
from prunesweep.chain.state import State, masked
from prunesweep.models.settings import CustomModel

AVERAGE = Average("data", (3, 4), batch_size=1_000, seed=0)
MASK = torch.tensor([True, False] * 50).expand(10, 100)


class Normed(nn.Module):
    """A network with batch normalization of the images."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(784, affine=False)
        self.fc = nn.Linear(784, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.norm(x.flatten(1)))


class Counting(nn.Module):
    """A network with a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(784)
        self.fc = nn.Linear(784, 10)
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("table", torch.zeros(1), persistent=False)


def filled(value: float, mask: torch.Tensor = MASK) -> State:
    weights = {name: torch.full_like(tensor, value) for name, tensor in initial_state().weights.items()}
    return masked(State(weights, {"fc3.weight": mask}, {"fc1.weight/momentum_buffer": torch.ones(1)}))


def test_each_weight_is_the_mean_and_pruned_weights_are_exactly_zero() -> None:
    context = replace(CONTEXT, recall={3: filled(1.0), 4: filled(4.0)}.__getitem__)
    moved = {"fc1.weight": torch.ones(1)}
    after, _ = AVERAGE.apply(replace(filled(4.0), movement=moved), context)
    assert after.movement == moved, "a later pruning by movement needs it"
    assert AVERAGE.recalls == (3, 4)
    assert (after.weights["fc1.weight"] == 2.5).all()
    assert torch.equal(after.weights["fc3.weight"], 2.5 * MASK)
    assert torch.equal(after.masks["fc3.weight"], MASK)
    assert after.optimizer == {}


def test_networks_with_different_masks_have_no_average() -> None:
    context = replace(CONTEXT, recall={3: filled(1.0, ~MASK), 4: filled(4.0)}.__getitem__)
    with pytest.raises(ValueError, match=r"the states after the steps \(3, 4\) have different masks"):
        AVERAGE.apply(filled(4.0), context)


def test_the_statistics_of_batch_normalization_are_those_of_the_training_images() -> None:
    context = replace(CONTEXT, model=CustomModel(target=f"{__name__}.Normed"))
    start = initial_state(context)
    wrong = {**start.weights, "norm.running_mean": torch.full((784,), 9.0), "norm.num_batches_tracked": torch.tensor(5)}
    before = State(wrong)
    after, _ = AVERAGE.apply(before, replace(context, recall={3: before, 4: before}.__getitem__))
    batches = len(CONTEXT.data.train) / 1_000
    assert after.weights["norm.num_batches_tracked"] == int(batches + 0.999)
    images = CONTEXT.data.train.images.flatten(1)
    assert torch.allclose(after.weights["norm.running_mean"], images.mean(0), atol=0.05)
    assert torch.equal(after.weights["fc.weight"], start.weights["fc.weight"])


def test_buffers_without_a_known_average_are_found() -> None:
    assert buffers_without_average(Counting()) == ["seen"]
    assert buffers_without_average(Normed()) == []
    assert AVERAGE.summary() == "average of 2 epochs"
