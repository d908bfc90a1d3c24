"""What a network, or the making of it, costs: the axes against which accuracy is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Axis:
    """Something that a network or its making costs.

    Attributes:
        label: what it is, with its unit and what it is of.
        log: whether it is to be drawn by its logarithm.
        more: whether more of it is better.
    """

    label: str
    log: bool = True
    more: bool = False


AXES = {
    "params_nonzero": Axis("Parameters left (weights and biases, whole network)"),
    "compression": Axis("Compression (parameters of the whole network / parameters left)", more=True),
    "macs_nonzero": Axis("Multiply-adds left for one image (theoretical: every pruned weight skipped)"),
    "file_bytes": Axis("Size of the compact file (bytes)"),
    "finetuning_epochs": Axis("Fine-tuning (epochs after the first pruning)", log=False),
    "finetuning_seconds": Axis("Fine-tuning (seconds of training passes where they were computed)", log=False),
}


def costs(fields: Mapping[str, Any]) -> dict[str, float | None]:
    """What the network of a result costs on every axis; None where the result does not tell."""
    epochs = finetuning(fields["history"])
    left = fields["params_nonzero"]
    return {
        "params_nonzero": left,
        "compression": fields["params_total"] / left if left else None,
        "macs_nonzero": fields["macs_nonzero"],
        "file_bytes": (fields.get("compact") or {}).get("bytes"),
        "finetuning_epochs": len(epochs),
        "finetuning_seconds": sum(epoch.get("seconds", 0) for epoch in epochs),
    }


def finetuning(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The epochs after the first pruning: from where the count of the chain's steps leaps over one, or sparsity is."""
    for index, epoch in enumerate(history):
        if epoch.get("sparsity", 0) > 0 or epoch.get("step", index + 1) != index + 1:
            return list(history[index:])
    return []
