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
    "file_bytes": Axis("File of the compact network (bytes of safetensors, pruned channels really gone)"),
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
        "file_bytes": (fields.get("compact") or {}).get("file_bytes"),
        "finetuning_epochs": len(epochs),
        "finetuning_seconds": sum(epoch["seconds"] for epoch in epochs),
    }


def finetuning(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The epochs after the first pruning."""
    return [epoch for epoch in history if epoch["round"] > 0]


def stage(fields: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier round of the result `fields` as if the run had ended with it."""
    history = [epoch for epoch in fields["history"] if epoch["round"] <= entry["round"]]
    return {**fields, **entry, "history": history, "compact": None}
