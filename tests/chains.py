"""The network, the first step and comparisons for tests of chains."""

import torch

from prunesweep.chain.context import Context
from prunesweep.chain.state import State, tensor_hash
from prunesweep.chain.steps import Init
from prunesweep.data.settings import NamedDataset
from prunesweep.models.settings import LeNet300100

CONTEXT = Context(LeNet300100(), NamedDataset(), "cpu")


def first_step(context: Context = CONTEXT, seed: int = 0) -> Init:
    """Return the step that builds the network of `context`."""
    return Init(context.model, context.shape, seed, weights=tensor_hash(context.initial(seed).state_dict()))


def initial_state(context: Context = CONTEXT, seed: int = 0) -> State:
    """Return the state after the first step."""
    return first_step(context, seed).apply(State(), context)[0]


def equal(one: State, other: State) -> bool:
    """Return whether all tensors of two states are equal."""
    left, right = one.tensors(), other.tensors()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
