"""The epochs of a run, as recorded in the `history` of `result.json`, and the phases that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

Epoch = Mapping[str, Any]

PhaseName = Literal["dense", "ramp", "regrow", "finetune", "ticket", "control", "quantize"]
"""Training before any pruning; epochs in which sparsity rises; epochs in which pruned weights can return;
training after pruning; retraining of a rewound lottery ticket; training of a reinitialized control network;
training of a codebook."""

PHASES: tuple[str, ...] = get_args(PhaseName)


def phase(epoch: Epoch) -> str:
    """Return the phase of an epoch.

    Older releases did not record phases, only the number of prunings before the epoch.
    """
    return str(epoch.get("phase", "finetune" if epoch["round"] > 0 else "dense"))


def is_trained(result: Mapping[str, Any]) -> bool:
    """Return whether the dense network of a run was trained, or given by the user."""
    return bool(result.get("weights")) or any(phase(epoch) == "dense" for epoch in result["history"])


def after_dense(history: Sequence[Epoch]) -> list[Epoch]:
    """Return all epochs that were trained after the dense network."""
    return [epoch for epoch in history if phase(epoch) != "dense"]
