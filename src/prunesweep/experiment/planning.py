"""Check a configuration and plan its run, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from prunesweep.chain.context import Context
from prunesweep.chain.environment import environment
from prunesweep.chain.observations import Count, Evaluate, Observation
from prunesweep.chain.quantize_steps import evaluation
from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.plan import plan
from prunesweep.chain.state import tensor_hash
from prunesweep.chain.steps import Init
from prunesweep.code.hashing import user_code_hash
from prunesweep.config import RunConfig
from prunesweep.data.datasets import fingerprint
from prunesweep.data.layout import CHANNELS_LAST
from prunesweep.errors import UsageError
from prunesweep.experiment.checks import check_network
from prunesweep.experiment.device import use_device
from prunesweep.experiment.measures import Measure, measures
from prunesweep.models.settings import CustomModel, Shape
from prunesweep.models.tensors import own_tensors
from prunesweep.pruning.selection import output_layer, select
from prunesweep.pruning.spec import resolve
from prunesweep.quantization.select import check_left, quantized_parameters

MAX_STARTS = 8
"""The number of initial networks that a process keeps."""


def check_not_dry(config: RunConfig) -> None:
    """Raise `UsageError` if `config` asks for a plan in place of a run. A plan has no result."""
    if config.dry_run:
        raise UsageError("dry_run=true: shows a plan and computes nothing. It is a setting of the command line.")


@dataclass(frozen=True)
class Planning:
    """A run that was checked and planned, and of which nothing has been computed.

    Attributes:
        context: The network, the data and the device.
        parts: The parts of the chain.
        plan: The chain and the points at which it is measured.
        root: The environment, the start of all digests.
        measures: What is measured on request, by the field of the result.
    """

    context: Context
    parts: Parts
    plan: Plan
    root: Mapping[str, Any]
    measures: Mapping[str, Measure]

    def observations(self) -> list[tuple[int, Observation]]:
        """Return what `run` measures: the position of a step and the observation of the state after it, in order."""
        evaluate, count = Evaluate(self.parts.data), Count(self.parts.layers)
        found: list[tuple[int, Observation]] = [(self.plan.dense, evaluate)]
        for point in self.plan.points:
            found += [(at, evaluate) for at in (point.pruned, point.unquantized) if at is not None]
            found += [(point.final, evaluation(self.plan.chain, point.final, self.parts.data)), (point.final, count)]
        return [*found, *((self.plan.points[-1].final, each) for each in self.measures.values())]


def plan_run(config: RunConfig) -> Planning:
    """Return the plan of a run with `config`.

    Raises:
        UsageError: The settings do not fit each other, the data or the machine.
    """
    context = Context(config.model, config.dataset, use_device(config.device, config.threads, portable=config.portable))
    parts = prepare(config, context)
    planned = plan(config.schedule, parts)
    root = environment(context.device, config.threads, portable=config.portable)
    return Planning(context, parts, planned, root, measures(config, context))


def prepare(config: RunConfig, context: Context) -> Parts:
    """Check everything that can be checked before training, and return the parts of the chain."""
    network, weights = _start(config, context)
    traits = context.traits
    parameters = dict(network.named_parameters())
    output = output_layer(network, traits.executed)
    names = select(network, config.layers, output=output if config.prune.structure == "channel" else None)
    check_network(config, network, names, context)
    selected = {name: tuple(parameters[name].shape) for name in names}
    total = sum(parameter.numel() for parameter in parameters.values())
    spec = resolve(config.prune, selected, total, repeated=config.schedule.repeated)
    quantized = quantized_parameters(network, config.quantize)
    if config.prune.structure != "channel":  # the weights of a channel are not known before
        pruned = round(spec.requested(selected) * sum(parameters[name].numel() for name in names))
        check_left(config.quantize, sum(parameters[name].numel() for name in quantized) - pruned)
    return Parts(
        init=initial_step(config, weights, context.shape, traits.layout),
        data=fingerprint(config.dataset),
        selected=selected,
        output=output,
        optimizer=config.optimizer,
        train=config.train,
        finetune=config.finetune,
        spec=spec,
        seed=config.seed,
        augment=config.augment,
        cleanup=config.prune.cleanup,
        compact=config.prune.compact,
        quantize=config.quantize,
        quantized=quantized,
        examples=context.facts.sizes["train"],
        penalty=config.prune.penalty,
    )


_starts: dict[str, tuple[nn.Module, str]] = {}


def _start(config: RunConfig, context: Context) -> tuple[nn.Module, str]:
    """Return the network from which a run with `config` starts, and the hash of its weights.

    The network must not be changed. A process keeps some of them, because the runs of a sweep share them.
    """
    key = repr((config.model, config.dataset, config.seed, context.device))
    can_change = isinstance(config.model, CustomModel) or config.model.weights  # files that are read each time
    if key not in _starts or can_change:
        network = context.start(config.seed)
        if len(_starts) >= MAX_STARTS:
            _starts.clear()
        _starts[key] = (network, tensor_hash(own_tensors(network)))
    return _starts[key]


def initial_step(config: RunConfig, weights: str, shape: Shape, layout: str = CHANNELS_LAST) -> Init:
    """Return the step that builds the network from which a run with `config` starts.

    Args:
        config: The settings.
        weights: The hash of the initial weights.
        shape: Channels, height and width of an image.
        layout: The memory layout in which the network runs.
    """
    model = config.model
    return Init(
        model,
        shape,
        0 if model.weights else config.seed,  # all seeds start from the same given weights
        weights=weights,
        user_code=user_code_hash("model.target", model.target) if isinstance(model, CustomModel) else None,
        layout=layout,
    )
