import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State, captured, contiguous, restore
from prunesweep.data.settings import Dataset
from prunesweep.models.settings import LeNet5

MASK = torch.tensor([True, True, False, True])
STATE = State({"fc.weight": torch.ones(4)}, {"fc.weight": MASK}, {"fc.weight/momentum_buffer": torch.zeros(4)})


def test_a_state_survives_flattening() -> None:
    tensors = STATE.tensors()
    assert set(tensors) == {"weights/fc.weight", "masks/fc.weight", "optimizer/fc.weight/momentum_buffer"}
    again = State.of(tensors)
    assert (again.weights, again.masks, again.optimizer) == (STATE.weights, STATE.masks, STATE.optimizer)


def test_sparsity_is_of_the_masked_tensors() -> None:
    assert STATE.sparsity == 0.25
    assert State().sparsity == 0


def test_copies_are_contiguous_and_apart() -> None:
    weight = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    copy = contiguous({"x": weight})["x"]
    assert copy.is_contiguous()
    assert torch.equal(copy, weight)
    assert copy.data_ptr() != weight.data_ptr()


def test_a_network_carries_the_weights_channels_last() -> None:
    context = Context(LeNet5(), Dataset(), "cpu")
    weights = contiguous(context.fresh().state_dict())
    network = context.network(State(weights))
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())
    assert network.get_parameter("conv2.weight").is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("make", [lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), lambda p: torch.optim.Adam(p)])
def test_an_optimizer_goes_on_where_it_was(make: object) -> None:
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


def test_drawing_leaves_the_global_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    with drawing_from(3, "cpu"):
        first = torch.rand(3)
    with drawing_from(3, "cpu"):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.random.get_rng_state(), before)


@given(st.integers(0, 2**40), st.sampled_from(["init", "train", "prune"]), st.integers(0, 1_000))
def test_derived_seeds_fit_torchs_generator(seed: int, kind: str, index: int) -> None:
    generator_of(derived_seed(seed, kind, index))
    assert derived_seed(seed, kind, index) != derived_seed(seed, kind, index + 1)
