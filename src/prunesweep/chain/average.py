"""The step that averages the weights of several epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State, contiguous, masked
from prunesweep.chain.steps import Record, Step
from prunesweep.models.tensors import own_tensors
from prunesweep.training.loop import shuffled


@dataclass(frozen=True)
class Average(Step):
    """Set each parameter to its mean over the states after some earlier steps. The masks of all are equal.

    The statistics of batch normalization are computed again, in one pass over the training split. The optimizer starts
    again.
    Source: Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, "Averaging weights leads to wider optima and better
    generalization" (2018), algorithm 1.

    Attributes:
        data: Fingerprint of the data.
        of: Positions of the steps.
        batch_size: Images of a batch of that pass.
        seed: Seed of the run.
    """

    data: str
    of: tuple[int, ...]
    batch_size: int
    seed: int

    @property
    def recalls(self) -> tuple[int, ...]:
        return self.of

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        states = [context.recall(position) for position in self.of]
        if not all(_same_masks(state, each) for each in states):
            raise ValueError(f"the states after the steps {self.of} have different masks")
        names = dict(context.template().named_parameters())
        means = {name: _mean([each.weights[name] for each in states]) for name in state.weights if name in names}
        after = masked(replace(state, weights={**state.weights, **means}, optimizer={}))
        return self._with_statistics(after, context), {}

    def _with_statistics(self, state: State, context: Context) -> State:
        model = context.network(state)
        if not any(isinstance(module, _BatchNorm) for module in model.modules()):
            return state
        seed, train = derived_seed(self.seed, "average", self.of[-1]), context.data.train
        batches = shuffled(train, self.batch_size, generator_of(seed))
        with drawing_from(seed, context.device):
            update_bn((train.take(batch).images for batch in batches), model)
        return replace(state, weights=contiguous(own_tensors(model)))

    def summary(self) -> str:
        return f"average of {len(self.of)} epochs"


def _same_masks(one: State, other: State) -> bool:
    return one.masks.keys() == other.masks.keys() and all(
        torch.equal(mask, other.masks[name]) for name, mask in one.masks.items()
    )


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """Return the mean, added up in double precision."""
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(tensors[0].dtype)


def buffers_without_average(model: nn.Module) -> list[str]:
    """Return the stored buffers of `model` that do not belong to a batch normalization, which have no known average."""
    norms = {name for name, module in model.named_modules() if isinstance(module, _BatchNorm)}
    parameters = dict(model.named_parameters())
    return [name for name in own_tensors(model) if name not in parameters and name.rpartition(".")[0] not in norms]
