"""Run one experiment: from its configuration to its result. Reads like the method section of a paper."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save

from prunesweep.chain.context import Context
from prunesweep.chain.execution import Execution, OnStep, ignore_step
from prunesweep.chain.quantize_steps import evaluation
from prunesweep.chain.state import State
from prunesweep.config import RunConfig
from prunesweep.experiment import provenance
from prunesweep.experiment.measuring import (
    about_data,
    best_epoch,
    measure,
    protected,
    scores,
    warn_of_unfollowed_layers,
    what_was_run,
)
from prunesweep.experiment.planning import check_not_dry, plan_run
from prunesweep.files import write_atomically
from prunesweep.pruning.compact import NotCompactable, compare_with_dense
from prunesweep.results.result import SCALES, WEIGHTS, Result, remove_outputs, write_completed
from prunesweep.store.costs import add_costs
from prunesweep.store.eviction import keep_within
from prunesweep.store.store import open_store

Progress = Callable[[int], AbstractContextManager[OnStep]]
"""Given the number of steps, returns a context that yields a callback after each computed step."""


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
