import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from prunesweep.chain.seeding import generator_of
from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.pruning.scoring import GRASP_TEMPERATURE, NetworkView, ParameterView, Sample

WEIGHT = [[0.5], [-0.5]]


def examples(count: int) -> Split:
    images = torch.tensor([1.0, -2.0, 0.5, 3.0])[:count].view(-1, 1, 1, 1)
    return Split(images, torch.tensor([0, 1, 1, 0])[:count])


def view_of(sample: Sample | None) -> NetworkView:
    """Return the view of a linear classifier of one-pixel images with two classes."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    model[1].weight.data = torch.tensor(WEIGHT)
    return NetworkView(model, ["1.weight"], (1, 1, 1), sample, generator_of(0))


def view(batch_size: int, count: int = 4) -> ParameterView:
    return view_of(Sample(lambda: examples(count), batch_size)).of("1.weight")


def gradient(weight: torch.Tensor, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return (softmax - onehot) x, averaged: the textbook gradient of softmax regression."""
    x = images.flatten(1)
    error = torch.softmax(x @ weight.T, 1) - torch.eye(2)[labels]
    return error.T @ x / len(x)


def test_the_gradient_is_of_the_mean_loss_over_the_sample() -> None:
    sample = examples(4)
    expected = gradient(torch.tensor(WEIGHT), sample.images, sample.labels)
    assert torch.allclose(view(batch_size=2).gradient, expected)


def test_squared_gradients_are_of_batches_and_fisher_of_single_examples() -> None:
    images, labels, weight = examples(4).images, examples(4).labels, torch.tensor(WEIGHT)
    by_batch = [gradient(weight, images[i : i + 2], labels[i : i + 2]).square() for i in (0, 2)]
    by_example = [gradient(weight, images[i : i + 1], labels[i : i + 1]).square() for i in range(4)]
    of = view(batch_size=2)
    assert torch.allclose(of.squared_gradient, torch.stack(by_batch).mean(0))
    assert torch.allclose(of.fisher, torch.stack(by_example).mean(0))


@pytest.mark.parametrize("batch_size", [2, 4])
def test_the_hessian_times_the_gradient(batch_size: int) -> None:
    sample, weight = examples(4), torch.tensor(WEIGHT)

    def loss(w: torch.Tensor) -> torch.Tensor:
        return cross_entropy(sample.images.flatten(1) @ w.T / GRASP_TEMPERATURE, sample.labels)

    hessian = torch.autograd.functional.hessian(loss, weight).view(2, 2)
    slope = torch.autograd.functional.jacobian(loss, weight).view(2)
    assert torch.allclose(view(batch_size).hessian_gradient.view(2), hessian @ slope, rtol=1e-4)


def test_a_shorter_last_batch_is_left_out() -> None:
    assert torch.equal(view(batch_size=2, count=3).gradient, view(batch_size=2, count=2).gradient)


def test_a_sample_smaller_than_a_batch_is_one_batch() -> None:
    assert torch.equal(view(batch_size=99).gradient, view(batch_size=4).gradient)


QUANTITIES = ("gradient", "squared_gradient", "fisher", "hessian_gradient", "flow")


def test_the_model_is_not_modified() -> None:
    of = view(batch_size=2)
    for quantity in QUANTITIES:
        assert getattr(of, quantity).shape == of.weight.shape
    parameter = of.network.parameters["1.weight"]
    assert parameter.grad is None
    assert parameter.tolist() == WEIGHT


def test_without_a_sample_only_quantities_of_data_are_refused() -> None:
    of = view_of(None).of("1.weight")
    for quantity in ("gradient", "squared_gradient", "fisher", "hessian_gradient"):
        with pytest.raises(UsageError, match="registered without needs_data=True cannot use gradients"):
            getattr(of, quantity)
    assert of.weight.tolist() == WEIGHT
    assert of.flow.tolist() == [[1.0], [1.0]]
    assert of.noise().shape == of.weight.shape


def test_each_quantity_is_computed_once_for_the_whole_network() -> None:
    drawn = []

    def draw() -> Split:
        drawn.append(1)
        return examples(4)

    network = view_of(Sample(draw, 2))
    for _ in range(3):
        of = network.of("1.weight")
        assert torch.equal(of.gradient.square(), of.gradient.square())
        assert of.squared_gradient.shape == of.weight.shape
    assert len(drawn) == 1


def test_noise_is_drawn_from_the_generator_alone() -> None:
    views = [view(batch_size=2) for _ in range(2)]
    before = torch.random.get_rng_state()
    one, other = (of.noise() for of in views)
    assert torch.equal(one, other)
    assert ((one >= 0) & (one < 1)).all()
    assert torch.equal(before, torch.random.get_rng_state())
    assert not torch.equal(one, views[0].noise()), "the second draw from one generator differs"


def test_the_norm_of_the_inputs_over_the_sample() -> None:
    norm = (1 + 4 + 0.25 + 9) ** 0.5  # of the pixels 1, -2, 0.5, 3, for both classes
    assert view(batch_size=2).input_norm.flatten().tolist() == pytest.approx([norm, norm])


def test_a_criterion_without_data_has_no_inputs() -> None:
    with pytest.raises(UsageError, match="registered without needs_data=True"):
        _ = view_of(None).of("1.weight").input_norm
