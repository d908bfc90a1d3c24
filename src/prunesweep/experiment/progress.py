"""What the runs of a sweep report while they are executed, in this process or in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from prunesweep.chain.execution import OnStep
from prunesweep.chain.steps import Record, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.results.history import is_trained
from prunesweep.results.result import Result


@dataclass(frozen=True)
class Stepped:
    """A step was computed.

    Attributes:
        epoch: Whether it was an epoch of training.
    """

    epoch: bool


@dataclass(frozen=True)
class Completed:
    """A run is complete.

    Attributes:
        peers: Its data set and seed. The accuracies of runs that have both in common can be compared.
        dense: The validation accuracy of its dense network, or None if it was not trained.
        final: The validation accuracy of its final network.
        param_reduction: The fraction of the parameters that was removed.
        params_nonzero: The number of parameters that are left.
    """

    peers: tuple[str, int]
    dense: float | None
    final: float
    param_reduction: float
    params_nonzero: int

    @property
    def merit(self) -> tuple[float, float, int]:
        """What orders networks that are about as good as dense: reduction, then accuracy, then the smaller network."""
        return self.param_reduction, self.final, -self.params_nonzero

    @classmethod
    def of(cls, result: Result) -> Completed:
        """Return the report of a completed run."""
        return cls(
            (result.dataset, result.seed),
            result.dense["val_accuracy"] if is_trained(vars(result)) else None,
            result.final["val_accuracy"],
            result.param_reduction,
            result.params_nonzero,
        )


@dataclass(frozen=True)
class Printed:
    """A run has printed a text."""

    text: str


Report = Stepped | Completed | Printed
_listeners: list[Callable[[Report], None]] = []


@contextmanager
def listening(listener: Callable[[Report], None]) -> Iterator[None]:
    """Pass everything that is reported in this process to `listener`. Hydra offers no way to pass it to a run."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.pop()


def is_part_of_sweep() -> bool:
    """Return whether somebody listens."""
    return bool(_listeners)


def report(event: Report) -> None:
    """Report `event` to the innermost listener, if there is one."""
    if _listeners:
        _listeners[-1](event)


def report_step(position: int, step: Step, record: Record) -> None:  # noqa: ARG001
    """Report a computed step. For `Execution`."""
    report(Stepped(isinstance(step, TrainEpoch)))


def reporting(total: int) -> AbstractContextManager[OnStep]:  # noqa: ARG001
    """Report each step of a run. For `experiment.run.run`."""
    return nullcontext(report_step)
