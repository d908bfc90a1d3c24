"""A run from its configuration to its result; reads like a paper's method section, one line a stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save

from prunesweep.chain.context import Context
from prunesweep.chain.environment import environment
from prunesweep.chain.execution import Execution, OnStep
from prunesweep.chain.observations import Count, Evaluate
from prunesweep.chain.schedules import MeasuredPoint, Plan, StepFactory
from prunesweep.chain.state import State
from prunesweep.config import RunConfig
from prunesweep.data.datasets import fingerprint
from prunesweep.data.settings import CLASSES
from prunesweep.experiment import provenance
from prunesweep.experiment.device import use_device
from prunesweep.files import write_atomically
from prunesweep.models.build import check_fits
from prunesweep.pruning.compact import beside_dense
from prunesweep.pruning.selection import prunable, select
from prunesweep.pruning.spec import resolved
from prunesweep.results.result import WEIGHTS, Result, write_completed
from prunesweep.store.eviction import keep_within

Progress = Callable[[int], AbstractContextManager[OnStep]]
"""Given the number of steps: something that is told of each one while it lasts."""


def silent(total: int) -> AbstractContextManager[OnStep]:  # noqa: ARG001
    """Progress that nobody sees."""
    return nullcontext(lambda *_: None)


def run(config: RunConfig, folder: Path, overrides: Sequence[str] = (), progress: Progress = silent) -> Result:
    """Run `config`, and leave `model.safetensors` and `result.json` in `folder`.

    Raises:
        UsageError: the settings do not fit each other, the data or the machine; nothing has been computed then.
        Diverged: the training loss is no longer a number.
    """
    started = time.perf_counter()
    context = Context(config.model, config.dataset, use_device(config.device, config.threads))
    factory = step_factory(config, context)
    plan = config.schedule.plan(factory)
    with progress(len(plan.chain)) as on_step:
        root = environment(context.device, config.threads)
        store = config.store.open()
        execution = Execution(plan.chain, context, root, store, on_step)
        with store.in_use(execution.entries(Evaluate(factory.data), Count(factory.layers))):
            dense = scores(execution, plan.dense, factory)
            points = [measured(execution, point, factory) for point in plan.points]
            final = execution.state(plan.points[-1].final)
    cached = len(plan.chain) - execution.computed
    keep_within(store, int(config.store.max_gb * 1e9), cached, execution.computed)
    result = Result(
        status="completed",
        model=config.model.name,
        dataset=config.dataset.name,
        seed=config.seed,
        device=context.device.partition(":")[0],
        threads=config.threads,
        digest=execution.digests[-1],
        dense_digest=execution.digests[plan.dense],
        overrides=list(overrides),
        schedule=config.schedule.name,
        criterion=config.prune.criterion,
        scope=config.prune.scope,
        structure=config.prune.structure,
        dense=dense,
        **points[-1],
        compact=compacted(context, final) if config.prune.structure == "channel" else None,
        rounds=[{"round": number, **point} for number, point in enumerate(points[:-1], 1)],
        history=history(execution, plan),
        seconds=time.perf_counter() - started,
        steps_total=len(plan.chain),
        steps_cached=cached,
    )
    save_weights(folder, final)
    provenance.write(folder, execution, root, factory.data, final, result.seconds)
    write_completed(folder, result)
    return result


def step_factory(config: RunConfig, context: Context) -> StepFactory:
    """The parts of the chain, once all that can be checked beforehand has been."""
    network = context.fresh()
    check_fits(network, config.model.name, config.dataset.shape, CLASSES)
    parameters = dict(network.named_parameters())
    names = select(network, config.layers, channels=config.prune.structure == "channel")
    selected = {name: tuple(parameters[name].shape) for name in names}
    return StepFactory(
        model=config.model,
        shape=config.dataset.shape,
        data=fingerprint(config.dataset),
        selected=selected,
        output=list(prunable(network))[-1],
        optimizer=config.optimizer,
        train=config.train,
        finetune=config.finetune,
        pruning=resolved(config.prune, selected, sum(parameter.numel() for parameter in parameters.values())),
        seed=config.seed,
    )


def scores(execution: Execution, position: int, factory: StepFactory) -> dict[str, float]:
    """The scores of the network after the step at `position`."""
    record = execution.observe(position, Evaluate(factory.data))
    return {key: record[key] for key in ("val_accuracy", "val_loss", "test_accuracy", "test_loss")}


def measured(execution: Execution, point: MeasuredPoint, factory: StepFactory) -> dict[str, Any]:
    """What a point of the trade-off costs and what it scores; a ratio to nothing at all is None."""
    pruned = scores(execution, point.pruned, factory)
    final = scores(execution, point.final, factory)
    spent = execution.observe(point.final, Count(factory.layers))
    return {
        "amount": point.amount,
        **spent,
        "sparsity": spent["params_pruned"] / spent["params_selected"],
        "param_reduction": spent["params_pruned"] / spent["params_total"],
        "compression": spent["params_total"] / spent["params_nonzero"] if spent["params_nonzero"] else None,
        "theoretical_speedup": spent["macs_total"] / spent["macs_nonzero"] if spent["macs_nonzero"] else None,
        "pruned": pruned,
        "final": final,
    }


def history(execution: Execution, plan: Plan) -> list[dict[str, Any]]:
    """The records of all epochs, each with the number of prunings before it: 0 is the dense training."""
    return [
        {**entry, "round": sum(point.pruned < entry["step"] for point in plan.points)} for entry in execution.history()
    ]


def compacted(context: Context, final: State) -> dict[str, Any]:
    """What the network costs once its pruned channels are really gone, next to what it cost with them."""
    model = context.network(final).cpu()
    return asdict(beside_dense(model, {name: mask.cpu() for name, mask in final.masks.items()}, context.dataset.shape))


def save_weights(folder: Path, state: State) -> None:
    """Write the weights under the network's own parameter names; the pruned ones are exactly zero."""
    write_atomically(folder / WEIGHTS, save({name: tensor.cpu() for name, tensor in state.weights.items()}))
