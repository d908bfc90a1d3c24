"""Why a search ends: failures, the total, the size of the space, no progress, or the time limit.

All rules but the time limit depend only on the trials of the study. All processes that share the study, and every later
start with the same settings, therefore decide alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from optuna.trial import FrozenTrial

from prunesweep.results.objectives import Objective
from prunesweep.results.pareto import improving
from prunesweep.results.text import counted
from prunesweep.search.ledger import FAILED, counts, has_failed
from prunesweep.search.progress import completed, row_of
from prunesweep.search.space import Space


@dataclass(frozen=True)
class Limits:
    """When a search ends.

    Attributes:
        total: The number of trials, over all processes and all starts.
        max_failure_rate: The fraction of `total` that may fail. 0 ends the search at the first failed trial.
        timeout: Seconds after which this process starts no more trials, or None.
        patience: The number of completed trials without a larger hypervolume that ends the search, or None.
    """

    total: int
    max_failure_rate: float = 1.0
    timeout: float | None = None
    patience: int | None = None


class Cause(Enum):
    """What ends a search. `TIMEOUT` ends this process only: others with another limit can continue."""

    FAILURES = auto()
    TOTAL = auto()
    SPACE = auto()
    PATIENCE = auto()
    TIMEOUT = auto()


@dataclass(frozen=True)
class End:
    """Why no more trials are started, as a cause and as a text for the user."""

    cause: Cause
    text: str


def end(
    trials: Sequence[FrozenTrial], seconds: float, limits: Limits, space: Space, goals: Sequence[Objective]
) -> End | None:
    """Return why the search starts no more trials, or None if it continues.

    Args:
        trials: All trials of the study, by number.
        seconds: The time since this process started the search.
        limits: When the search ends.
        space: The search space.
        goals: The objectives.
    """
    return (
        too_many_failures(trials, limits)
        or _total_reached(trials, limits.total)
        or all_tried(trials, space)
        or no_progress(trials, limits.patience, goals)
        or _out_of_time(seconds, limits.timeout)
    )


def too_many_failures(trials: Sequence[FrozenTrial], limits: Limits) -> End | None:
    """Return the end of a search with more failed trials than `max_failure_rate` allows."""
    reasons = [trial.user_attrs[FAILED] for trial in trials if has_failed(trial)]
    if len(reasons) <= limits.max_failure_rate * limits.total:
        return None
    number = counted(len(reasons), "trial")
    return End(
        Cause.FAILURES,
        f"{number} failed, more than hydra.sweeper.max_failure_rate={limits.max_failure_rate:g} "
        f"of n_trials={limits.total} allows; the last: {reasons[-1]}",
    )


def all_tried(trials: Sequence[FrozenTrial], space: Space) -> End | None:
    """Return the end of a search that has tried every combination of a finite space."""
    if space.size is None or len({space.combination(trial.params) for trial in trials if counts(trial)}) < space.size:
        return None
    number = "the only combination was" if space.size == 1 else f"all {space.size:,} combinations were"
    return End(Cause.SPACE, f"{number} tried")


def no_progress(trials: Sequence[FrozenTrial], patience: int | None, goals: Sequence[Objective]) -> End | None:
    """Return the end of a search in which `patience` completed trials in a row did not increase the hypervolume.

    Trials are considered in the order of their numbers, up to the first that has not ended. The decision does not
    depend on the order in which trials end, and trials that end later do not change it.
    """
    if patience is None:
        return None
    rows = completed([row_of(trial) for trial in itertools.takewhile(lambda trial: trial.state.is_finished(), trials)])
    if not rows:
        return None
    worst = [rows[0].noted[f"worst {goal.field}"] for goal in goals]
    better = improving([row.values for row in rows], worst, [goal.maximize for goal in goals])
    last, waited = None, 0
    for row, improved in zip(rows, better, strict=True):
        last, waited = (row.number, 0) if improved else (last, waited + 1)
        if waited >= patience:
            since = "" if last is None else f" since trial {last}"
            return End(
                Cause.PATIENCE,
                f"the hypervolume did not improve in {counted(patience, 'completed trial')}{since} "
                "(hydra.sweeper.patience)",
            )
    return None


def _total_reached(trials: Sequence[FrozenTrial], total: int) -> End | None:
    reached = sum(map(counts, trials)) >= total
    return End(Cause.TOTAL, f"hydra.sweeper.n_trials={total} was reached") if reached else None


def _out_of_time(seconds: float, timeout: float | None) -> End | None:
    if timeout is None or seconds < timeout:
        return None
    return End(Cause.TIMEOUT, f"the time limit of {timeout:g} s has passed (hydra.sweeper.timeout)")
