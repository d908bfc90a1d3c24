import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from prunesweep.quantization.codebook import fit, groups, half, nearest, replaced, tied

NAMES = ("conv1.weight", "conv1.bias", "fc.weight", "fc.bias")


def test_groups_are_layers_or_the_network() -> None:
    assert groups(NAMES, shared=False) == (NAMES[:2], NAMES[2:])
    assert groups(NAMES, shared=True) == (NAMES,)


def test_k_means_of_a_few_numbers() -> None:
    """The initial centroids are 0, 5 and 10; the one in the middle has no values and is left out."""
    assert fit(torch.tensor([0.0, 1.0, 9.0, 10.0]), 3).tolist() == [0.5, 9.5]
    assert fit(torch.tensor([0.0, 1.0, 8.0, 10.0]), 2).tolist() == [0.5, 9.0]


def test_fewer_different_values_than_entries_are_kept() -> None:
    values = torch.tensor([3.0, -1.0, 3.0])
    assert fit(values, 4).tolist() == [-1.0, 3.0]
    assert torch.equal(nearest(values, fit(values, 4)), values)


FLOATS = st.floats(-100, 100, width=32)


@given(st.lists(FLOATS, min_size=1, max_size=40), st.integers(1, 8))
def test_each_value_gets_the_nearest_centroid(numbers: list[float], entries: int) -> None:
    values = torch.tensor(numbers)
    centroids = fit(values, entries)
    assert len(centroids) <= entries
    found = nearest(values, centroids).double()
    best = (values.double()[:, None] - centroids).abs().min(1).values
    assert torch.allclose((values.double() - found).abs(), best, atol=1e-4)


def test_pruned_weights_stay_zero_and_groups_share_entries() -> None:
    weights = {"a": torch.tensor([0.0, 1.0, 1.1]), "b": torch.tensor([[-2.0, 0.0], [0.9, -2.2]])}
    found = replaced(weights, ("a", "b"), 2)
    assert found["a"].tolist() == pytest.approx([0, 1, 1])
    assert found["b"].flatten().tolist() == pytest.approx([-2.1, 0, 1, -2.1])
    assert replaced({"a": torch.zeros(2)}, ("a",), 2)["a"].tolist() == [0, 0]


def test_rounding_to_float16() -> None:
    assert half({"a": torch.tensor([1 / 3])})["a"].item() == float(torch.tensor(1 / 3).half())
    with pytest.raises(ArithmeticError, match="a has a value above 65,504"):
        half({"a": torch.tensor([1e5])})


def test_equal_weights_take_the_mean_of_their_steps_and_stay_equal() -> None:
    model = nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[2.0, 2.0, 0.0]]))
        model.bias.copy_(torch.tensor([5.0]))
    with tied(model, (("weight", "bias"),)):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        model(torch.tensor([[1.0, 3.0, 7.0]])).sum().backward()  # the gradients are 1, 3, 7 and, of the bias, 1
        optimizer.step()
    assert model.weight[0].tolist() == pytest.approx([2 - 0.5 * (1 + 3) / 2] * 2 + [0])
    assert model.weight[0, 0] == model.weight[0, 1]
    assert model.bias.item() == pytest.approx(4.5)
    assert list(dict(model.named_parameters())) == ["weight", "bias"]
