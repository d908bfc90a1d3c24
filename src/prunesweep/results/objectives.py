"""What a search may optimise: fields of a run's result, each with the direction that is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prunesweep.data.settings import CLASSES
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.roles import Role


@dataclass(frozen=True)
class Objective:
    """A field of `result.json` by its dotted name.

    Attributes:
        worst: the value that counts for nothing, from which a hypervolume is measured: a number, or the field that
            holds it.
    """

    field: str
    maximize: bool
    worst: float | str

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """As Optuna names it."""
        return "maximize" if self.maximize else "minimize"

    def value(self, result: Mapping[str, Any]) -> float:
        """The field's value in `result`.

        Raises:
            ArithmeticError: it is no finite number.
        """
        value = _look_up(result, self.field)
        if value is None or not math.isfinite(value):
            raise ArithmeticError(f"{self.field} is {value}")
        return float(value)

    def reference(self, result: Mapping[str, Any]) -> float:
        """`worst` as a number, in the network of `result`."""
        return float(_look_up(result, self.worst)) if isinstance(self.worst, str) else self.worst


def _look_up(result: Mapping[str, Any], name: str) -> Any:
    value: Any = result
    for key in name.split("."):
        value = value[key]
    return value


OBJECTIVES = {
    objective.field: objective
    for objective in (
        *(Objective(f"{point}.val_accuracy", maximize=True, worst=0.0) for point in ("final", "pruned")),
        *(Objective(f"{point}.val_loss", maximize=False, worst=math.log(CLASSES)) for point in ("final", "pruned")),
        Objective("sparsity", maximize=True, worst=0.0),
        Objective("param_reduction", maximize=True, worst=0.0),
        Objective("params_pruned", maximize=True, worst=0.0),
        Objective("params_nonzero", maximize=False, worst="params_total"),
        Objective("compression", maximize=True, worst=1.0),
        Objective("macs_nonzero", maximize=False, worst="macs_total"),
        Objective("theoretical_speedup", maximize=True, worst=1.0),
    )
}
"""A guess (a uniform one of CLASSES classes) is the worst loss, the dense network the worst of every size."""
SHORT = {"val_accuracy": "final.val_accuracy", "val_loss": "final.val_loss"}


def objective(name: str) -> Objective:
    """The objective called `name`; `val_accuracy` is the final one.

    Raises:
        UsageError: there is none; the test split is for the record and never chooses.
    """
    if "test_" in name:
        raise UsageError(
            f"search.objectives=[{name}]: the test split is scored for the record and never chooses. "
            f"Use {name.replace('test_', 'val_')}."
        )
    check_choice("search.objectives", name, [*SHORT, *OBJECTIVES])
    return OBJECTIVES[SHORT.get(name, name)]


@dataclass
class SearchSettings:
    """What a search (`search=tradeoff`) optimises and where it keeps its trials.

    Attributes:
        replicates: runs a trial, of so many successive seeds; the search sees their mean.
        storage: URL of a database that several machines share; without one an SQLite file in the sweep's directory.
        heartbeat: seconds of silence after which another machine is taken for dead and its trials are done again.
    """

    objectives: list[str] = field(default_factory=lambda: ["val_accuracy", "param_reduction"], metadata=Role.SEARCH.tag)
    replicates: int = field(default=1, metadata=Role.SEARCH.tag)
    storage: str | None = field(default=None, metadata=Role.NOTHING.tag)
    heartbeat: float = field(default=60.0, metadata=Role.NOTHING.tag)

    def __post_init__(self) -> None:
        if not self.objectives:
            raise UsageError("search.objectives=[]: name at least one objective, like val_accuracy.")
        found = [objective(name) for name in self.objectives]
        if len(set(found)) < len(found):
            raise UsageError(f"search.objectives={self.objectives}: names one objective twice.")
        check_range("search.replicates", self.replicates, 1)
        check_range("search.heartbeat", self.heartbeat, 1)

    @property
    def goals(self) -> list[Objective]:
        """The objectives, in order."""
        return [objective(name) for name in self.objectives]
