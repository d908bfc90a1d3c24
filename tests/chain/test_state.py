from dataclasses import replace

import pytest
import torch
from torch import nn

from prunesweep.chain.state import State, captured, contiguous, masked, restore, tensor_hash

MASK = torch.tensor([True, True, False, True])
STATE = State({"fc.weight": torch.ones(4)}, {"fc.weight": MASK}, {"fc.weight/momentum_buffer": torch.zeros(4)})


def test_a_state_is_restored_from_its_flat_tensors() -> None:
    tensors = STATE.tensors()
    assert set(tensors) == {"weights/fc.weight", "masks/fc.weight", "optimizer/fc.weight/momentum_buffer"}
    again = State.of(tensors)
    assert (again.weights, again.masks, again.optimizer) == (STATE.weights, STATE.masks, STATE.optimizer)


def test_sparsity_is_the_pruned_fraction_of_the_masked_tensors() -> None:
    assert STATE.sparsity == 0.25
    assert State().sparsity == 0


def test_masking_sets_weights_and_momentum_to_zero_but_no_counters() -> None:
    optimizer = {"fc.weight/momentum_buffer": torch.ones(4), "fc.weight/step": torch.tensor(7.0)}
    after = masked(replace(STATE, optimizer=optimizer))
    assert after.weights["fc.weight"].tolist() == [1, 1, 0, 1]
    assert after.optimizer["fc.weight/momentum_buffer"].tolist() == [1, 1, 0, 1]
    assert after.optimizer["fc.weight/step"] == 7


def test_masking_keeps_the_momentum_of_weights_that_may_return() -> None:
    optimizer = {"fc.weight/momentum_buffer": torch.ones(4)}
    after = masked(replace(STATE, optimizer=optimizer, dense={"fc.weight": torch.ones(4)}))
    assert after.weights["fc.weight"].tolist() == [1, 1, 0, 1]
    assert after.optimizer["fc.weight/momentum_buffer"].tolist() == [1, 1, 1, 1]


def test_copies_are_contiguous_and_do_not_share_memory() -> None:
    weight = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    copy = contiguous({"x": weight})["x"]
    assert copy.is_contiguous()
    assert torch.equal(copy, weight)
    assert copy.data_ptr() != weight.data_ptr()


@pytest.mark.parametrize("make", [lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), lambda p: torch.optim.Adam(p)])
def test_a_restored_optimizer_continues_with_the_same_bits(make: object) -> None:
    def stepped(model: nn.Module, optimizer: torch.optim.Optimizer) -> torch.Tensor:
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        return model.weight.detach().clone()

    model = nn.Linear(2, 1)
    optimizer = make(model.parameters())  # type: ignore[operator]
    stepped(model, optimizer)
    kept, weights = captured(optimizer, model), contiguous(model.state_dict())
    expected = stepped(model, optimizer)
    other = nn.Linear(2, 1)
    other.load_state_dict(weights)
    resumed = make(other.parameters())  # type: ignore[operator]
    restore(resumed, other, kept)
    assert torch.equal(stepped(other, resumed), expected)
    assert kept["weight/momentum_buffer" if "weight/momentum_buffer" in kept else "weight/step"] is not None


def test_the_hash_depends_on_names_types_shapes_and_bits() -> None:
    weight = torch.arange(6.0)
    variants = [
        {"x": weight},
        {"y": weight},
        {"x": weight.double()},
        {"x": weight.view(2, 3)},
        {"x": weight.nextafter(torch.tensor(9.0))},
        {"x": torch.tensor([0.0])},
        {"x": torch.tensor([-0.0])},
        {"x": torch.tensor([True, False])},
        {"x": torch.tensor([True, True])},
    ]
    assert len({tensor_hash(tensors) for tensors in variants}) == len(variants)


def test_the_hash_does_not_depend_on_order_and_layout() -> None:
    weight, bias = torch.randn(2, 3, 4, 5), torch.randn(2)
    channels_last = weight.to(memory_format=torch.channels_last)
    assert tensor_hash({"a": weight, "b": bias}) == tensor_hash({"b": bias, "a": channels_last})
