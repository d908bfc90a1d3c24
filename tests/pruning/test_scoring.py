import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from prunesweep.chain.seeding import generator_of
from prunesweep.data.datasets import Split
from prunesweep.pruning.scoring import GRASP_TEMPERATURE, NetworkView


def probe(batch_size: int, examples: int = 4) -> NetworkView:
    """A linear classifier of two classes on one-pixel images, and a few examples of it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    model[1].weight.data = torch.tensor([[0.5], [-0.5]])
    images = torch.tensor([1.0, -2.0, 0.5, 3.0])[:examples].view(-1, 1, 1, 1)
    sample = Split(images, torch.tensor([0, 1, 1, 0])[:examples])
    return NetworkView(model, ["1.weight"], (1, 1, 1), lambda: sample, batch_size, generator_of(0))


def gradient(weight: torch.Tensor, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(softmax - onehot) x, averaged: the textbook gradient of softmax regression."""
    x = images.flatten(1)
    error = torch.softmax(x @ weight.T, 1) - torch.eye(2)[labels]
    return error.T @ x / len(x)


def test_the_gradient_is_that_of_the_mean_loss_over_the_sample() -> None:
    one = probe(batch_size=2)
    expected = gradient(torch.tensor([[0.5], [-0.5]]), one.draw().images, one.draw().labels)
    assert torch.allclose(one.of("1.weight").gradient, expected)


def test_squares_are_taken_by_batch_and_by_example() -> None:
    one = probe(batch_size=2)
    weight = torch.tensor([[0.5], [-0.5]])
    images, labels = one.draw().images, one.draw().labels
    by_batch = [gradient(weight, images[i : i + 2], labels[i : i + 2]).square() for i in (0, 2)]
    by_example = [gradient(weight, images[i : i + 1], labels[i : i + 1]).square() for i in range(4)]
    assert torch.allclose(one.of("1.weight").squared_gradient, torch.stack(by_batch).mean(0))
    assert torch.allclose(one.of("1.weight").fisher, torch.stack(by_example).mean(0))


@pytest.mark.parametrize("batch_size", [2, 4])
def test_the_hessian_times_the_gradient(batch_size: int) -> None:
    one = probe(batch_size)
    weight = torch.tensor([[0.5], [-0.5]])

    def loss(w: torch.Tensor) -> torch.Tensor:
        return cross_entropy(one.draw().images.flatten(1) @ w.T / GRASP_TEMPERATURE, one.draw().labels)

    hessian = torch.autograd.functional.hessian(loss, weight).view(2, 2)
    slope = torch.autograd.functional.jacobian(loss, weight).view(2)
    assert torch.allclose(one.of("1.weight").hessian_gradient.view(2), hessian @ slope, rtol=1e-4)


def test_a_short_last_batch_is_left_out() -> None:
    assert torch.equal(probe(batch_size=2, examples=3).of("1.weight").gradient, probe(2, 2).of("1.weight").gradient)


def test_the_model_is_left_as_it_is() -> None:
    one = probe(batch_size=2)
    evidence = one.of("1.weight")
    for quantity in ("gradient", "squared_gradient", "fisher", "hessian_gradient", "flow"):
        assert getattr(evidence, quantity).shape == evidence.weight.shape
    parameter = one.parameters["1.weight"]
    assert parameter.grad is None
    assert parameter.tolist() == [[0.5], [-0.5]]


def test_a_sample_smaller_than_a_batch_is_one() -> None:
    assert torch.equal(probe(batch_size=99).of("1.weight").gradient, probe(batch_size=4).of("1.weight").gradient)
