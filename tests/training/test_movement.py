import pytest
import torch
from torch import Tensor, nn

from prunesweep.data.datasets import Split
from prunesweep.training.loop import train_batches
from prunesweep.training.movement import summing
from prunesweep.training.straight_through import straight_through


class Error(nn.Module):
    """Two weights a and b whose cross-entropy has known gradients: two classes with the logits a x and b x."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2, bias=False)
        self.layer.weight.data = torch.tensor([[0.0], [0.0]])

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.layer(images)
        return result


ONE = Split(torch.tensor([[2.0]]), torch.tensor([0]))


def train(model: nn.Module, sums: dict[str, Tensor], steps: int, lr: float = 1.0) -> None:
    parameters = dict(model.named_parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr)
    with summing(parameters, sums):
        train_batches(model, ONE, optimizer, {}, [torch.tensor([0])] * steps)


def test_two_steps_by_hand() -> None:
    """The gradient is (p - y) x: first (-1, 1), so the weights become 1 and -1, then (s - 1) 2 and (1 - s) 2."""
    model, sums = Error(), {"layer.weight": torch.zeros(2, 1)}
    train(model, sums, 1)
    assert sums["layer.weight"].flatten().tolist() == [0, 0]  # the weights were zero
    train(model, sums, 1)
    p = torch.softmax(torch.tensor([2.0, -2.0]), 0)[0].item()
    assert sums["layer.weight"].flatten().tolist() == pytest.approx(
        [2 * (1 - p)] * 2, rel=1e-4
    )  # both move away from 0


def test_weights_that_move_towards_zero_have_negative_sums() -> None:
    model, sums = Error(), {"layer.weight": torch.zeros(2, 1)}
    model.layer.weight.data = torch.tensor([[-1.0], [1.0]])
    train(model, sums, 1, lr=0.01)
    assert (sums["layer.weight"] < 0).all()


def test_nothing_is_left_behind() -> None:
    model, sums = Error(), {"layer.weight": torch.zeros(2, 1)}
    train(model, sums, 2)
    before = sums["layer.weight"].clone()
    train(model, {}, 2)
    assert torch.equal(sums["layer.weight"], before)


def test_weights_under_a_mask_that_may_return_are_summed_with_their_own_values() -> None:
    model = Error()
    model.layer.weight.data = torch.tensor([[0.5], [1.0]])
    parameters = dict(model.named_parameters())
    sums, masks = {"layer.weight": torch.zeros(2, 1)}, {"layer.weight": torch.tensor([[True], [False]])}
    with summing(parameters, sums), straight_through(model, masks):
        nn.functional.cross_entropy(model(ONE.images), ONE.labels).backward()
    p = torch.softmax(torch.tensor([1.0, 0.0]), 0)[0].item()  # the second weight counts as zero
    assert sums["layer.weight"].flatten().tolist() == pytest.approx([1 - p, -2 * (1 - p)], rel=1e-4)
