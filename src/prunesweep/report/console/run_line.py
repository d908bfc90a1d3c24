"""The line that ends a run.

Each worker imports this module. It imports nothing that only reports of sweeps need, such as Matplotlib.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from prunesweep.errors import printable
from prunesweep.results.result import Result
from prunesweep.results.run_directory import short_path
from prunesweep.results.text import cut, percent


def line(result: Result, folder: Path) -> str:
    """Describe a completed run in one line: what was pruned, the accuracies, the time, and the directory."""
    cached = f", {result.steps_cached} of {result.steps_total} steps from the store" if result.steps_cached else ""
    return (
        f"{result.model} on {result.dataset}, seed {result.seed}: "
        f"pruned {result.params_pruned:,} of {result.params_selected:,} selected ({percent(result.sparsity)}), "
        f"parameters {result.params_total:,} -> {result.params_nonzero:,} ({cut(result.param_reduction)}); "
        f"{_given(result)}test accuracy dense {percent(result.dense['test_accuracy'])}, "
        f"pruned {percent(result.pruned['test_accuracy'])}, final {percent(result.final['test_accuracy'])}; "
        f"{result.seconds:.1f} s{cached} -> {printable(short_path(folder))}"
        + (f"; kept for a path: {result.protected:,}" if result.protected else "")
        + (f"; COLLAPSED: {result.collapsed}" if result.collapsed else "")
    )


def _given(result: Result) -> str:
    """Return how images are prepared for given weights. If it is not as in their training, all accuracies are low."""
    if result.weights is None:
        return ""
    scale, mean, std = (result.normalization[key] for key in ("scale", "mean", "std"))
    return f"weights given, pixels scaled by {scale}, mean {_numbers(mean)}, std {_numbers(std)}; "


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def log_result(result: Result, folder: Path) -> None:
    """Log the line of a completed run, which Hydra prints and writes to the log file of the run.

    A warning follows if given weights are hardly better than a guess.
    """
    logger = logging.getLogger("prunesweep")
    logger.info(line(result, folder))
    chance, accuracy = 1 / len(result.classes), result.dense["val_accuracy"]
    if result.weights is not None and accuracy < chance + (1 - chance) / 10:
        logger.warning(
            f"The given weights have a validation accuracy of {percent(accuracy)}, and a guess has {percent(chance)}. "
            "Usually, images are prepared in another way than in their training: compare dataset.scale, dataset.mean "
            "and dataset.std. Or the classes are in another order."
        )
