"""What the result of a run says about the networks along its chain."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from prunesweep.chain.best import Best
from prunesweep.chain.context import Context
from prunesweep.chain.execution import Execution
from prunesweep.chain.observations import Count
from prunesweep.chain.quantize_steps import evaluation
from prunesweep.chain.schedules.parts import MeasuredPoint, Parts
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.config import RunConfig
from prunesweep.models.tensors import layer_of
from prunesweep.quantization.settings import bits_of


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


def scores(execution: Execution, position: int, parts: Parts) -> dict[str, float]:
    """Return the scores of the network after the step at `position`."""
    record = execution.observe(position, evaluation(execution.chain, position, parts.data))
    return {key: record[key] for key in ("val_accuracy", "val_loss", "test_accuracy", "test_loss")}


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


def protected(execution: Execution, position: int) -> int:
    """Return how many weights the last pruning up to the step at `position` kept for paths; 0 without protection."""
    recalled = execution.chain[position].recalls  # a control has the masks of an earlier step
    records = execution.records[: min((position, *recalled)) + 1]
    return next((record["protected"] for record in reversed(records) if "protected" in record), 0)


def best_epoch(execution: Execution, point: MeasuredPoint) -> int | None:
    """Return the epoch of the network at `point` if validation accuracy chose it, and None otherwise."""
    positions = range(point.pruned, point.final + 1)
    chosen = (execution.records[at]["epoch"] for at in positions if isinstance(execution.chain[at], Best))
    return next(chosen, None)


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
