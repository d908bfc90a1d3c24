"""The costs of a network, against which accuracy is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prunesweep.results.history import after_dense
from prunesweep.results.objectives import Objective
from prunesweep.results.result import MEASURED

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Axis:
    """A cost of a network or of its training.

    Attributes:
        label: The axis title: a short name, then the unit and what it refers to in parentheses.
        cost: Computes the cost from the fields of a result. None means that the result does not contain it.
        log: Whether it is drawn on a logarithmic scale.
        more: Whether larger values are better.
        timed: Whether it is a measured time. Its noise bends a frontier anywhere, so such a frontier has no knee.
    """

    label: str
    cost: Callable[[Result], float | None]
    log: bool = True
    more: bool = False
    timed: bool = False


def _compression(result: Result) -> float | None:
    left = result["params_nonzero"]
    return result["params_total"] / left if left else None


def _file_bytes(result: Result) -> float | None:
    measured: float | None = result.get("file_bytes")
    return measured if measured is not None else (result.get("compact") or {}).get("file_bytes")


def _finetuning_epochs(result: Result) -> float:
    return len(after_dense(result["history"]))


def _finetuning_seconds(result: Result) -> float:
    return sum(float(epoch["seconds"]) for epoch in after_dense(result["history"]))


DEFAULT = "params_nonzero"
"""The axis of the first view, unless the runs are those of a search with another cost."""

AXES = {
    "params_nonzero": Axis(
        "Parameters left (weights and biases of the whole network)", lambda result: result["params_nonzero"]
    ),
    "compression": Axis("Compression (parameters of the whole network / parameters left)", _compression, more=True),
    "macs_nonzero": Axis(
        "Multiply-adds per image (theoretical: every pruned weight is skipped)", lambda result: result["macs_nonzero"]
    ),
    "packed_bytes": Axis(
        "Bytes of the packed file (of export --format packed, header included)",
        lambda result: result.get("packed_bytes"),
    ),
    "file_bytes": Axis(
        "Bytes of the plain file (of export --format csr, or of the network without pruned channels)",
        _file_bytes,
    ),
    "latency_us": Axis(
        "Microseconds per image (median of export --format c on one thread)",
        lambda result: result.get("latency_us"),
        timed=True,
    ),
    "finetuning_epochs": Axis("Fine-tuning epochs (all after the dense training)", _finetuning_epochs, log=False),
    "finetuning_seconds": Axis(
        "Fine-tuning time (seconds of all training passes after the dense training)",
        _finetuning_seconds,
        log=False,
        timed=True,
    ),
}


def optimized(goals: Sequence[Objective]) -> str:
    """Return the cost that a search with these objectives minimizes, or the default axis."""
    return next((goal.field for goal in goals if goal.field in AXES and not goal.maximize), DEFAULT)


def as_of_round(result: Result, entry: Result) -> dict[str, Any]:
    """Return the result of a run as if it had ended with the earlier round `entry`."""
    history = [epoch for epoch in result["history"] if epoch["round"] <= entry["round"]]
    return {**result, **entry, "history": history, "compact": None, **dict.fromkeys(MEASURED)}
