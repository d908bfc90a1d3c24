"""Run one experiment: from its configuration to its result. Reads like the method section of a paper."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from prunesweep.chain.average import buffers_without_average
from prunesweep.chain.best import Best
from prunesweep.chain.context import Context
from prunesweep.chain.environment import environment
from prunesweep.chain.execution import Execution, OnStep, ignore_step
from prunesweep.chain.observations import Count, Evaluate, Observation
from prunesweep.chain.quantize_steps import evaluation
from prunesweep.chain.schedules.plan import plan
from prunesweep.chain.schedules.settings import Penalty
from prunesweep.chain.schedules.writer import MeasuredPoint, Parts, Plan
from prunesweep.chain.state import State, tensor_hash
from prunesweep.chain.steps import Init, TrainEpoch
from prunesweep.code.hashing import user_code_hash
from prunesweep.config import RunConfig
from prunesweep.data.datasets import fingerprint
from prunesweep.data.layout import CHANNELS_LAST
from prunesweep.errors import UsageError
from prunesweep.experiment import provenance
from prunesweep.experiment.device import use_device
from prunesweep.experiment.measures import Measure, measures
from prunesweep.files import write_atomically
from prunesweep.models.settings import CustomModel, Shape
from prunesweep.models.tensors import layer_of, own_tensors
from prunesweep.models.trial import Traits
from prunesweep.pruning.compact import NotCompactable, check_compactable, compare_with_dense
from prunesweep.pruning.criteria import find
from prunesweep.pruning.selection import output_layer, prunable, select
from prunesweep.pruning.spec import resolve
from prunesweep.quantization.select import check_left, quantized_parameters
from prunesweep.quantization.settings import bits_of
from prunesweep.results.result import SCALES, WEIGHTS, Result, remove_outputs, write_completed
from prunesweep.store.costs import add_costs
from prunesweep.store.eviction import keep_within
from prunesweep.store.store import open_store

Progress = Callable[[int], AbstractContextManager[OnStep]]
"""Given the number of steps, returns a context that yields a callback after each computed step."""


MAX_STARTS = 8
"""The number of initial networks that a process keeps."""


def silent(total: int) -> AbstractContextManager[OnStep]:  # noqa: ARG001
    """Show no progress."""
    return nullcontext(ignore_step)


def run(config: RunConfig, folder: Path, overrides: Sequence[str] = (), progress: Progress = silent) -> Result:
    """Run `config` and write `model.safetensors`, `provenance.json` and `result.json` into `folder`.

    What an earlier run left there is removed first, so that `folder` never holds the result of another config.

    Raises:
        UsageError: The settings do not fit each other, the data or the machine. Nothing has been computed.
        Diverged: The training loss is not a finite number.
    """
    started = time.perf_counter()
    check_not_dry(config)
    remove_outputs(folder)
    planning = plan_run(config)
    context, parts, planned, root = planning.context, planning.parts, planning.plan, planning.root
    store = open_store(config.store)
    with progress(len(planned.chain)) as on_step:
        execution = Execution(planned.chain, context, root, store, on_step)
        provenance.process_facts()  # once for each process, like the hashes of the code: not a cost of each run
        began = time.perf_counter()
        with store.in_use(execution.entries(*{each: None for _, each in planning.observations()})):
            dense = scores(execution, planned.dense, parts)
            measured = [measure(execution, point, parts) for point in planned.points]
            last = planned.points[-1].final
            tested = execution.observe(last, evaluation(planned.chain, last, parts.data))
            final = execution.state(last)
            about = {**measured[-1], "digest": execution.digests[last]}
            figures = {
                name: execution.observe(last, each.of(about))["value"] for name, each in planning.measures.items()
            }
    best = [best_epoch(execution, point) for point in planned.points]
    points = [
        {**point, "protected": protected(execution, at.pruned), "best_epoch": epoch}
        for point, at, epoch in zip(measured, planned.points, best, strict=True)
    ]
    warn_of_unfollowed_layers(execution, parts)
    cached = len(planned.chain) - execution.computed
    compact, compact_error = compact_form(config, context, final)
    result = Result(
        status="completed",
        **what_was_run(config, context),
        digest=execution.digests[last],
        dense_digest=execution.digests[planned.dense],
        overrides=list(overrides),
        dense=dense,
        **points[-1],
        **figures,
        compact=compact,
        compact_error=compact_error,
        rounds=[{"round": number, **point} for number, point in enumerate(points[:-1], 1)],
        history=execution.history(),
        weights=parts.init.weights if config.model.weights else None,
        **about_data(context, tested),
        seconds=time.perf_counter() - started,
        steps_total=len(planned.chain),
        steps_cached=cached,
    )
    save_weights(folder, final, scales_of(tested))
    provenance.write(folder, execution, root, parts.data, final, result.seconds)
    write_completed(folder, result)
    keep_within(store, config.store.max_bytes, cached, execution.computed)
    execution.meter.add_run(time.perf_counter() - began)
    add_costs(store, execution.meter.spent)
    return result


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
    _check_gradients(config, names, traits)
    _check_inputs(config, names, traits)
    _check_average(config, network)
    _check_penalty(config)
    _check_transposed(config, network, names)
    if config.prune.structure == "channel" and config.prune.criterion != "none":
        _check_channels(config, network, names, context)
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


def _check_gradients(config: RunConfig, names: Sequence[str], traits: Traits) -> None:
    """Refuse a criterion that needs gradients for parameters without one, whose scores would be meaningless."""
    criterion = config.prune.criterion
    needs_data = criterion != "none" and find(criterion, config.prune.target).needs_data
    without = [name for name in names if name in traits.without_gradient]
    if needs_data and without:
        raise UsageError(
            f"prune.criterion={criterion}: the loss does not depend on {', '.join(without)}, so there are no gradients "
            f"to score. Exclude these layers: 'layers.exclude=[{','.join(dict.fromkeys(map(layer_of, without)))}]'."
        )


def _check_inputs(config: RunConfig, names: Sequence[str], traits: Traits) -> None:
    """Refuse a criterion that needs the inputs of layers that the forward pass does not call."""
    criterion = config.prune.criterion
    unused = [layer for layer in dict.fromkeys(map(layer_of, names)) if layer not in traits.executed]
    if unused and criterion != "none" and find(criterion, config.prune.target).needs_inputs:
        raise UsageError(
            f"prune.criterion={criterion}: the forward pass does not call {', '.join(unused)}, so the inputs are not "
            f"known. Exclude these layers: 'layers.exclude=[{','.join(unused)}]'."
        )


def _check_penalty(config: RunConfig) -> None:
    if config.prune.penalty is not None and not isinstance(config.schedule, Penalty):
        raise UsageError(
            f"prune.penalty={config.prune.penalty}: schedule={config.schedule.name} trains without a penalty. "
            "Set schedule=penalty, or prune.penalty=null."
        )


def _check_average(config: RunConfig, network: nn.Module) -> None:
    without = buffers_without_average(network) if config.finetune.average else []
    if without:
        raise UsageError(
            f"finetune.average={config.finetune.average}: the network has buffers other than the statistics of batch "
            f"normalization, and no average of them is known: {', '.join(without)}. Set finetune.average=0."
        )


def _check_transposed(config: RunConfig, network: nn.Module, names: Sequence[str]) -> None:
    """Refuse structures of transposed convolutions, whose weights have inputs and outputs in the other order."""
    kinds = prunable(network)
    transposed = [layer for layer in dict.fromkeys(map(layer_of, names)) if kinds.get(layer) == "conv_transpose"]
    if not transposed:
        return
    exclude = f"Exclude these layers: 'layers.exclude=[{','.join(transposed)}]'."
    if config.prune.structure != "unstructured":
        raise UsageError(
            f"prune.structure={config.prune.structure}: transposed convolutions can only be pruned with "
            f"prune.structure=unstructured. {exclude}"
        )
    if config.prune.scope == "output":
        raise UsageError(f"prune.scope=output: the weights of transposed convolutions are not in rows. {exclude}")


def _check_channels(config: RunConfig, network: nn.Module, names: Sequence[str], context: Context) -> None:
    unused = [layer for layer in dict.fromkeys(map(layer_of, names)) if layer not in context.traits.executed]
    if unused:
        raise UsageError(
            f"prune.structure=channel: the forward pass does not call {', '.join(unused)}, so it is not known which "
            f"channels depend on it. Exclude it: 'layers.exclude=[{','.join(unused)}]'."
        )
    try:
        check_compactable(network, names, context.shape)
    except NotCompactable as error:
        raise UsageError(
            f"prune.structure=channel: the channels of model={config.model.name} cannot be removed: {error}. "
            "Use prune.structure=unstructured, or exclude the layers before an operation that does not map zero to "
            "zero, such as sigmoid (layers.exclude)."
        ) from error


def scores(execution: Execution, position: int, parts: Parts) -> dict[str, float]:
    """Return the scores of the network after the step at `position`."""
    record = execution.observe(position, evaluation(execution.chain, position, parts.data))
    return {key: record[key] for key in ("val_accuracy", "val_loss", "test_accuracy", "test_loss")}


def what_was_run(config: RunConfig, context: Context) -> dict[str, Any]:
    """Return the fields of a result that name what was run, and how it was pruned."""
    return {
        "model": config.model.name,
        "dataset": context.facts.label,
        "seed": config.seed,
        "device": context.device.partition(":")[0],
        "threads": config.threads,
        "schedule": config.schedule.name,
        "criterion": config.prune.criterion,
        "scope": config.prune.scope,
        "structure": config.prune.structure,
        "quantize": config.quantize.name,
        "bits": bits_of(config.quantize),
    }


def about_data(context: Context, tested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a result about the data, and the score of each class.

    Args:
        context: The context of the run.
        tested: What `Evaluate` has measured on the final network. The accuracy of a class without test images is None.
    """
    facts = context.facts
    pairs = zip(tested["class_correct"], tested["class_total"], strict=True)
    return {
        "normalization": facts.normalization,
        "classes": list(facts.classes),
        "examples": dict(facts.sizes),
        "class_accuracy": [correct / total if total else None for correct, total in pairs],
        "confusion": tested["confusion"],
    }


def measure(execution: Execution, point: MeasuredPoint, parts: Parts) -> dict[str, Any]:
    """Return the cost and the scores of the network at `point`. A ratio with denominator zero is None."""
    pruned = scores(execution, point.pruned, parts)
    unquantized = {} if point.unquantized is None else {"unquantized": scores(execution, point.unquantized, parts)}
    final = scores(execution, point.final, parts)
    cost = execution.observe(point.final, Count(parts.layers))
    tested = execution.observe(point.final, evaluation(execution.chain, point.final, parts.data))
    return {
        "amount": point.amount,
        **cost,
        "collapsed": collapse(
            cost["dead_layers"],
            tested["test_accuracy"],
            tested["class_total"],
            trained=any(isinstance(step, TrainEpoch) for step in execution.chain[: point.final + 1]),
        ),
        "sparsity": cost["params_pruned"] / cost["params_selected"],
        "param_reduction": (cost["params_total"] - cost["params_nonzero"]) / cost["params_total"],
        "compression": cost["params_total"] / cost["params_nonzero"] if cost["params_nonzero"] else None,
        "theoretical_speedup": cost["macs_total"] / cost["macs_nonzero"] if cost["macs_nonzero"] else None,
        "pruned": pruned,
        **unquantized,
        "final": final,
    }


def protected(execution: Execution, position: int) -> int:
    """Return how many weights the last pruning up to the step at `position` kept for paths; 0 without protection."""
    recalled = execution.chain[position].recalls  # a control has the masks of an earlier step
    records = execution.records[: min((position, *recalled)) + 1]
    return next((record["protected"] for record in reversed(records) if "protected" in record), 0)


def warn_of_unfollowed_layers(execution: Execution, parts: Parts) -> None:
    """Log which layers are only protected from losing all weights, if any of the steps was computed now."""
    if not parts.spec.protect or not execution.computed:
        return
    units = execution.context.wiring.units
    layers = [layer_of(name) for name, shape in parts.selected.items() if len(shape) > 1 and name not in units]
    if layers:
        logging.getLogger("prunesweep").warning(
            f"prune.protect=paths: paths through {', '.join(layers)} cannot be followed. Each of these layers keeps at "
            "least one weight."
        )


def best_epoch(execution: Execution, point: MeasuredPoint) -> int | None:
    """Return the epoch of the network at `point` if validation accuracy chose it, and None otherwise."""
    positions = range(point.pruned, point.final + 1)
    chosen = (execution.records[at]["epoch"] for at in positions if isinstance(execution.chain[at], Best))
    return next(chosen, None)


def collapse(dead_layers: Sequence[str], accuracy: float, class_total: Sequence[int], *, trained: bool) -> str | None:
    """Return why a network has collapsed, or None if it has not.

    Args:
        dead_layers: The layers that no signal passes.
        accuracy: The accuracy on the test split.
        class_total: The number of test images of each class.
        trained: Whether the network was trained. Without any training, every network is at chance.
    """
    total = sum(class_total)
    chance = max(class_total) / total  # of a network that always answers with the most frequent class
    at_chance = trained and accuracy <= chance + 2 * math.sqrt(chance * (1 - chance) / total)
    reasons = [f"no signal passes {', '.join(dead_layers)}"] if dead_layers else []
    reasons += [f"test accuracy {accuracy:.2%}, chance is {chance:.2%}"] if at_chance else []
    return "; ".join(reasons) or None


def compact_form(config: RunConfig, context: Context, final: State) -> tuple[dict[str, Any] | None, str | None]:
    """Return the measurements of the network without its pruned channels, or None and the reason if it has none."""
    if config.prune.structure != "channel":
        return None, None
    masks = {name: mask.cpu() for name, mask in final.masks.items()}
    try:
        return asdict(compare_with_dense(context.network(final).cpu(), masks, context.shape)), None
    except NotCompactable as error:
        return None, str(error)


def save_weights(folder: Path, state: State, metadata: dict[str, str] | None) -> None:
    """Write the weights under the network's own parameter names. Pruned weights are exactly zero."""
    weights = {name: tensor.cpu() for name, tensor in state.weights.items()}
    write_atomically(folder / WEIGHTS, save(weights, metadata))


def scales_of(tested: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the metadata of the weights: what an integer network needs besides them (see `saved.load_scales`)."""
    return {SCALES: json.dumps(tested["scales"])} if "scales" in tested else None
