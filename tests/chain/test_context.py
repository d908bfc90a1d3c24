from dataclasses import replace

import pytest
import torch
from chains import CONTEXT
from torch import nn

from prunesweep.chain.seeding import drawing_from
from prunesweep.chain.state import State, contiguous, tensor_hash
from prunesweep.errors import UsageError
from prunesweep.models.settings import LeNet5


def hash_of(model: nn.Module) -> str:
    return tensor_hash(model.state_dict())


def test_initial_weights_depend_on_seed_step_kind_and_index_only() -> None:
    first = hash_of(CONTEXT.initial(0))
    with drawing_from(123, "cpu"):
        assert hash_of(CONTEXT.initial(0)) == first
    others = [CONTEXT.initial(1), CONTEXT.initial(0, "reinitialize"), CONTEXT.initial(0, "reinitialize", 1)]
    assert len({first, *map(hash_of, others)}) == 4


def test_building_networks_keeps_the_global_random_state() -> None:
    before = torch.random.get_rng_state()
    CONTEXT.initial(0)
    CONTEXT.template()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_template_has_the_structure_of_the_network() -> None:
    def structure(model: nn.Module) -> dict[str, torch.Size]:
        return {name: value.shape for name, value in model.state_dict().items()}

    assert structure(CONTEXT.template()) == structure(CONTEXT.initial(0))


def test_a_network_has_the_weights_of_the_state_in_the_channels_last_layout() -> None:
    context = replace(CONTEXT, model=LeNet5())
    weights = contiguous(context.initial(5).state_dict())
    network = context.network(State(weights))
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())
    assert network.get_parameter("conv2.weight").is_contiguous(memory_format=torch.channels_last)


def test_weights_of_another_network_are_one_message() -> None:
    weights = contiguous(CONTEXT.initial(5).state_dict())
    forged = State({f"x.{name}": value for name, value in weights.items()})
    with pytest.raises(UsageError, match=r"model=lenet_300_100: the weights are not those.*use another store.dir"):
        CONTEXT.network(forged)


def test_the_data_have_the_shape_of_the_settings() -> None:
    assert CONTEXT.data.train.images.shape[1:] == CONTEXT.shape == (1, 28, 28)


def test_no_state_can_be_recalled_outside_a_chain() -> None:
    with pytest.raises(LookupError, match="No active chain can recall step 3"):
        CONTEXT.recall(3)
