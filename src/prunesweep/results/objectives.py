"""The objectives of a search: numeric fields of `result.json`, each with the direction that is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Literal

from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.results.result import classes_of
from prunesweep.roles import Role

NEAR = 0.005
"""A network is about as good as the dense network if its validation accuracy is at most this much lower."""


def about_as_good(accuracies: Sequence[tuple[float | None, float]]) -> list[bool]:
    """Return which networks are about as good as the best dense network.

    Args:
        accuracies: The validation accuracies of the dense network, None if it was not trained, and of the final network
            of each run. If no dense network was trained, the best final network takes its place.
    """
    dense = [before for before, _ in accuracies if before is not None]
    best = max(dense or [final for _, final in accuracies], default=0.0)
    return [final >= best - NEAR - 1e-9 for _, final in accuracies]


@dataclass(frozen=True)
class Objective:
    """A numeric field of `result.json`.

    Attributes:
        field: The dotted name of the field.
        maximize: Whether larger values are better.
        worst: The reference for hypervolumes, at which a network is worthless: a number, or a function of the result.
    """

    field: str
    maximize: bool
    worst: float | Callable[[Mapping[str, Any]], float]

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction under the name that Optuna uses."""
        return "maximize" if self.maximize else "minimize"

    def value(self, result: Mapping[str, Any]) -> float:
        """Return the value of the field in `result`.

        Raises:
            ArithmeticError: The value is not a finite number.
        """
        value = _look_up(result, self.field)
        if value is None or not math.isfinite(value):
            raise ArithmeticError(f"{self.field} is {value}")
        return float(value)

    def reference(self, result: Mapping[str, Any]) -> float:
        """Return `worst` as a number for the network of `result`."""
        return float(self.worst(result) if callable(self.worst) else self.worst)


def _look_up(result: Mapping[str, Any], name: str) -> Any:
    value: Any = result
    for key in name.split("."):
        value = value[key]
    return value


def loss_of_a_guess(result: Mapping[str, Any]) -> float:
    """Return the cross-entropy of equal probabilities for all classes."""
    return math.log(classes_of(result))


def bytes_of_the_dense_network(result: Mapping[str, Any]) -> float:
    """Return the bytes of the weights and biases of the dense network as float32."""
    return float(4 * result["params_total"])


def microseconds_of_the_dense_network(result: Mapping[str, Any]) -> float:
    """Return the microseconds of the dense network at a nanosecond for each multiply-add.

    That is slower than compiled C. A measured time would make the hypervolumes of two searches incomparable.
    """
    return float(result["macs_total"] / 1_000)


OBJECTIVES = {
    objective.field: objective
    for objective in (
        *(Objective(f"{point}.val_accuracy", maximize=True, worst=0.0) for point in ("final", "pruned")),
        *(Objective(f"{point}.val_loss", maximize=False, worst=loss_of_a_guess) for point in ("final", "pruned")),
        Objective("sparsity", maximize=True, worst=0.0),
        Objective("param_reduction", maximize=True, worst=0.0),
        Objective("params_pruned", maximize=True, worst=0.0),
        Objective("params_nonzero", maximize=False, worst=itemgetter("params_total")),
        Objective("compression", maximize=True, worst=1.0),
        Objective("macs_nonzero", maximize=False, worst=itemgetter("macs_total")),
        Objective("theoretical_speedup", maximize=True, worst=1.0),
        Objective("file_bytes", maximize=False, worst=bytes_of_the_dense_network),
        Objective("packed_bytes", maximize=False, worst=bytes_of_the_dense_network),
        Objective("latency_us", maximize=False, worst=microseconds_of_the_dense_network),
    )
}
"""All objectives by field. The worst loss is that of a uniform guess, the worst size is that of the dense network."""

ALIASES = {"val_accuracy": "final.val_accuracy", "val_loss": "final.val_loss"}


def objective(name: str) -> Objective:
    """Return the objective for a field or an alias. `val_accuracy` is an alias of `final.val_accuracy`.

    Raises:
        UsageError: There is no such objective. Scores on test images are not allowed, because they must not influence
            the selection of networks.
    """
    if "test_" in name:
        raise UsageError(
            f"search.objectives=[{name}]: test images are used only for the reported numbers, never for selection. "
            f"Use {name.replace('test_', 'val_')}."
        )
    check_choice("search.objectives", name, [*ALIASES, *OBJECTIVES])
    return OBJECTIVES[ALIASES.get(name, name)]


@dataclass
class SearchSettings:
    """Settings of a search, such as `search=tradeoff`: what it optimizes and where it stores its trials.

    Attributes:
        objectives: Names of the objectives.
        replicates: Number of runs per trial, with consecutive seeds. The search optimizes their mean.
        storage: URL of a database that several machines share. None uses an SQLite file in the sweep directory.
        heartbeat: Seconds without a sign of life after which the trials of another machine are run again.
    """

    objectives: list[str] = field(default_factory=lambda: ["val_accuracy", "param_reduction"], metadata=Role.SEARCH.tag)
    replicates: int = field(default=1, metadata=Role.SEARCH.tag)
    storage: str | None = field(default=None, metadata=Role.NOTHING.tag)
    heartbeat: float = field(default=60.0, metadata=Role.NOTHING.tag)

    def __post_init__(self) -> None:
        if not self.objectives:
            raise UsageError("search.objectives=[]: name at least one objective, such as val_accuracy.")
        if len(set(self.goals)) < len(self.goals):
            raise UsageError(f"search.objectives={self.objectives}: contains the same objective twice.")
        check_range("search.replicates", self.replicates, 1, 1_000)
        check_range("search.heartbeat", self.heartbeat, 1, 1e6)

    @property
    def goals(self) -> list[Objective]:
        """The objectives, in the given order."""
        return [objective(name) for name in self.objectives]
