"""What the runs of a sweep report while they are executed, in this process or in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from prunesweep.chain.execution import OnStep
from prunesweep.chain.steps import Record, Step, TrainEpoch
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
        dense: The validation accuracy of its dense network.
        final: The validation accuracy of its final network.
        param_reduction: The fraction of the parameters that was removed.
    """

    dense: float
    final: float
    param_reduction: float

    @classmethod
    def of(cls, result: Result) -> Completed:
        """Return the report of a completed run."""
        return cls(result.dense["val_accuracy"], result.final["val_accuracy"], result.param_reduction)


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
