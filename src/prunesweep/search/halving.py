"""Successive halving: many combinations are trained a little, the best of them longer.

The values of one key, such as `finetune.epochs`, are the rungs. A new combination starts at the lowest rung. One in
`factor` completed trials of a rung is promoted: its combination is tried again at the next rung. No trial waits until a
rung is complete, as in the asynchronous algorithm of Li et al. ("A System for Massively Parallel Hyperparameter
Tuning", MLSys 2020).

A trial with the lowest non-dominated rank in its rung is promoted first. Of several, it is the one that adds most
hypervolume to the trials that were promoted before, so that promoted trials spread over the Pareto set.

Each proposal depends only on the trials of the study, as with all samplers (`sampler.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.results.objectives import Objective
from prunesweep.results.pareto import hypervolume, ranks
from prunesweep.search.dimensions import Choice, Dimension, Stepped, Value
from prunesweep.search.ledger import OUTCOME
from prunesweep.search.sampler import Chosen, Propose
from prunesweep.search.space import Combination, Space, Values

SETTING = "hydra.sweeper.halving"
SEEN = (TrialState.COMPLETE, TrialState.RUNNING)
"""The states of the trials from which samplers learn."""


@dataclass(frozen=True)
class Ladder:
    """The rungs of a search.

    Attributes:
        space: The search space.
        key: The key whose value grows from rung to rung.
        rungs: Its values, from the smallest to the largest.
        factor: One in `factor` trials of a rung is promoted to the next.
    """

    space: Space
    key: str
    rungs: tuple[Value, ...]
    factor: int

    @property
    def start(self) -> Space:
        """The combinations at the lowest rung."""
        first = Choice(self.key, self.rungs[:1])
        return replace(
            self.space, dimensions=tuple(first if each.key == self.key else each for each in self.space.dimensions)
        )

    def at(self, rung: Value, values: Values) -> dict[str, Value]:
        """Return the combination `values` at another rung."""
        return {**values, self.key: rung}

    def line(self, values: Values) -> Combination:
        """Return what a combination has in common with the same combination at the other rungs."""
        return self.space.combination(self.at(self.rungs[0], values))


def ladder(space: Space, key: str, factor: int) -> Ladder:
    """Return the rungs of a search over `key`.

    The options of a choice are the rungs. The rungs of a range are its largest value, the largest value divided by
    `factor`, by `factor` squared and so on, rounded to values of the range, and its smallest value.

    Raises:
        UsageError: `key` does not have several numbers as values, or takes part in a condition.
    """
    check_range(f"{SETTING}.factor", factor, 2)
    check_choice(f"{SETTING}.key", key, space.keys)
    dimension = next(each for each in space.dimensions if each.key == key)
    rungs = sorted(set(_rungs(dimension, factor)))
    if len(rungs) < 2:
        raise UsageError(
            f"{SETTING}.key={key}: is searched over {dimension}. Halving needs several numbers from 0 on, such as "
            "range(0,5) or choice(1,2,5)."
        )
    for child, condition in space.conditions.items():
        if key in (child, condition.parent):
            raise UsageError(
                f"{SETTING}.key={key}: takes part in the condition {child}: {condition}. Halving needs a key that is "
                "searched in every trial and that no other key depends on."
            )
    return Ladder(space, key, tuple(rungs), factor)


def _rungs(dimension: Dimension, factor: int) -> list[Any]:
    """Return the rungs in any order, or nothing if the values are not suited: texts, an interval, or below 0."""
    if isinstance(dimension, Choice):
        return list(dimension.options) if all(type(each) in (int, float) for each in dimension.options) else []
    if not isinstance(dimension, Stepped) or dimension.low < 0:
        return []
    low, high = dimension.exact(dimension.low), dimension.high
    divided = (dimension.exact(high / factor**power) for power in itertools.count())
    return [low, *itertools.takewhile(lambda rung: rung != low, divided)]


def halving(rungs: Ladder, new: Propose, goals: Sequence[Objective]) -> Propose:
    """Return the proposals of successive halving.

    Args:
        rungs: The rungs.
        new: Proposals of new combinations, in the space `rungs.start`.
        goals: The objectives.
    """

    def choose(study: Study) -> dict[str, Value]:
        trials = [trial for trial in study.get_trials(deepcopy=False) if rungs.space.is_complete(trial.params)]
        return (
            promotion(rungs, trials, goals, rungs.factor)
            or new_combination(rungs, trials, new, study.directions)
            or promotion(rungs, trials, goals, 1)
            or rungs.start.at(0)
        )

    return lambda _: Chosen(choose)


def promotion(
    rungs: Ladder, trials: Sequence[FrozenTrial], goals: Sequence[Objective], factor: int
) -> dict[str, Value] | None:
    """Return the next combination to try at a higher rung, or None if no rung may promote another trial.

    Args:
        rungs: The rungs.
        trials: The trials with a complete combination.
        goals: The objectives.
        factor: One in `factor` completed trials of a rung may be promoted.
    """
    for lower, upper in reversed(list(itertools.pairwise(rungs.rungs))):
        above = {rungs.line(trial.params) for trial in trials if trial.params[rungs.key] == upper}
        done = [t for t in trials if t.params[rungs.key] == lower and t.state is TrialState.COMPLETE]
        if len(above) < len(done) // factor:
            return rungs.at(upper, _best(done, [rungs.line(trial.params) in above for trial in done], goals).params)
    return None


def _best(done: Sequence[FrozenTrial], promoted: Sequence[bool], goals: Sequence[Objective]) -> FrozenTrial:
    """Return which of the completed trials `done` of a rung to promote next."""
    maximize = [goal.maximize for goal in goals]
    noted = done[0].user_attrs[OUTCOME]["noted"]
    worst = [noted[f"worst {goal.field}"] for goal in goals]
    before = [trial.values for trial, was in zip(done, promoted, strict=True) if was]
    ranked = zip(ranks([trial.values for trial in done], maximize), done, promoted, strict=True)
    candidates = [(rank, trial) for rank, trial, was in ranked if not was]
    lowest = min(rank for rank, _ in candidates)
    first = [trial for rank, trial in candidates if rank == lowest]
    return max(first, key=lambda trial: hypervolume([*before, trial.values], worst, maximize))


def new_combination(
    rungs: Ladder, trials: Sequence[FrozenTrial], new: Propose, directions: Sequence[StudyDirection]
) -> dict[str, Value] | None:
    """Return a combination for the lowest rung that was not tried at any rung, or None if there is none.

    Args:
        rungs: The rungs.
        trials: The trials with a complete combination.
        new: Proposals in the space `rungs.start`. Their sampler sees each combination once, with its values at the
            highest rung that it completed.
        directions: The directions of the objectives.
    """
    by_progress = sorted(trials, key=lambda trial: (trial.state is TrialState.COMPLETE, trial.params[rungs.key]))
    latest = {rungs.line(trial.params): trial for trial in by_progress}
    view = optuna.create_study(directions=directions, sampler=new(len(latest)))
    view.add_trials([_at_start(rungs, trial) for trial in latest.values() if trial.state in SEEN])
    return rungs.start.nearest(rungs.start.suggest(view.ask()), latest.keys())


def _at_start(rungs: Ladder, trial: FrozenTrial) -> FrozenTrial:
    """Return `trial` as if it were at the lowest rung."""
    return create_trial(
        state=trial.state,
        values=trial.values,
        params=rungs.at(rungs.rungs[0], trial.params),
        distributions={**trial.distributions, rungs.key: CategoricalDistribution(rungs.rungs[:1])},
    )
