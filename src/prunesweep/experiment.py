"""A run from its configuration to its result; reads like a paper's method section, one line a stage."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prunesweep.chain import Execution, OnStep, environment
from prunesweep.config import RunConfig
from prunesweep.data import CLASSES, fingerprint
from prunesweep.errors import UsageError
from prunesweep.measures import Cost, cost
from prunesweep.models import check_fits
from prunesweep.results import WEIGHTS, Result, write_completed
from prunesweep.schedules import Plan, Recipe
from prunesweep.selection import select
from prunesweep.state import Setting, State
from prunesweep.steps import Evaluate
from prunesweep.store import StoreSettings, write_atomically
from prunesweep.upkeep import shrink

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
    setting = Setting(config.model, config.dataset, use_device(config.device, config.threads))
    recipe = plan_recipe(config, setting)
    plan = config.schedule.plan(recipe)
    with progress(len(plan.chain)) as on_step:
        root = environment(setting.device, config.threads)
        store = config.store.open()
        execution = Execution(plan.chain, setting, root, store, on_step)
        with store.in_use(execution.digests):
            scores = score(execution, plan, Evaluate(recipe.data))
            final = execution.state(plan.final)
    keep_within(config.store, execution)
    result = Result(
        status="completed",
        model=config.model.name,
        dataset=config.dataset.name,
        seed=config.seed,
        device=setting.device.partition(":")[0],
        threads=config.threads,
        digest=execution.digests[plan.final],
        dense_digest=execution.digests[plan.dense],
        overrides=list(overrides),
        schedule=config.schedule.name,
        criterion=config.prune.criterion,
        scope=config.prune.scope,
        amount=config.prune.amount,
        **figures(cost(setting.fresh(), final.masks, recipe.layers, config.dataset.shape)),
        **scores,
        history=execution.history(),
        seconds=time.perf_counter() - started,
        steps_total=len(plan.chain),
        steps_cached=len(plan.chain) - execution.computed,
    )
    save_weights(folder, final)
    write_completed(folder, result)
    return result


def use_device(device: str, threads: int) -> str:
    """Make torch repeatable on `device` with so many threads; the device's name, `auto` resolved."""
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        if device != "auto":
            raise UsageError(f"device={device}: this machine has no CUDA device. Allowed are cpu and auto.")
        device = "cpu"
    elif device in ("auto", "cuda"):
        device = "cuda:0"
    elif device != "cpu" and int(device.partition(":")[2]) >= torch.cuda.device_count():
        raise UsageError(
            f"device={device}: this machine has {torch.cuda.device_count()} CUDA device(s), from cuda:0 on."
        )
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for to be repeatable
    # Not by use_deterministic_algorithms, which imports Inductor and takes as long as the import of torch itself.
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs time, not bits
    torch.set_num_threads(threads)
    return device


def plan_recipe(config: RunConfig, setting: Setting) -> Recipe:
    """The parts of the chain, once all that can be checked beforehand has been."""
    network = setting.fresh()
    check_fits(network, config.model.name, config.dataset.shape, CLASSES)
    return Recipe(
        model=config.model,
        data=fingerprint(config.dataset),
        layers=select(network, config.layers),
        optimizer=config.optimizer,
        train=config.train,
        finetune=config.finetune,
        pruning=config.prune,
        seed=config.seed,
    )


def score(execution: Execution, plan: Plan, evaluate: Evaluate) -> dict[str, Any]:
    """The scores of the dense network, straight after pruning, and in the end."""
    shown = ("val_accuracy", "val_loss", "test_accuracy", "test_loss")
    points = {"dense": plan.dense, "pruned": plan.pruned, "final": plan.final}
    records = {name: execution.score(position, evaluate) for name, position in points.items()}
    return {name: {key: record[key] for key in shown} for name, record in records.items()}


def figures(spent: Cost) -> dict[str, Any]:
    """The counts of `spent` and their ratios; a ratio to nothing at all is None."""
    return {
        **asdict(spent),
        "layers": [asdict(layer) for layer in spent.layers],
        "sparsity": spent.params_pruned / spent.params_selected,
        "param_reduction": spent.params_pruned / spent.params_total,
        "compression": spent.params_total / spent.params_nonzero if spent.params_nonzero else None,
        "theoretical_speedup": spent.macs_total / spent.macs_nonzero if spent.macs_nonzero else None,
    }


def keep_within(settings: StoreSettings, execution: Execution) -> None:
    """Count the steps of this run, and evict what was used longest ago where the store has grown too large."""
    store = execution.store
    store.tally(len(execution.chain) - execution.computed, execution.computed)
    if store.writable and execution.computed:
        shrink(settings.folder, int(settings.max_gb * 1e9))


def save_weights(folder: Path, state: State) -> None:
    """Write the weights under the network's own parameter names; the pruned ones are exactly zero."""
    from safetensors.torch import save

    write_atomically(folder / WEIGHTS, save({name: tensor.cpu() for name, tensor in state.weights.items()}))
