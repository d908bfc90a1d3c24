"""The trials of a search that may be the best ones: its Pareto set, and others within the confidence intervals."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prunesweep.config import RunConfig
from prunesweep.errors import check_range
from prunesweep.experiment.saved import HERE, Files, load_config
from prunesweep.results.intervals import Interval, accuracy_interval
from prunesweep.results.objectives import Objective
from prunesweep.search.reach import distances, interval
from prunesweep.search.saved_trials import SavedTrial, read_search

LEVEL = 0.95


@dataclass(frozen=True)
class Candidate:
    """A trial that may belong to the true Pareto set.

    Attributes:
        trial: Its number.
        member: Whether it is in the Pareto set of the search.
        distance: The share of the confidence intervals that it needs to reach the set, from 0 to 1.
        config: The configuration of its first run.
        overrides: The overrides of that run, without the seed.
        val_accuracy: Its final validation accuracy in the search, the mean over its seeds.
        interval: The confidence interval of that accuracy.
    """

    trial: int
    member: bool
    distance: float
    config: RunConfig
    overrides: tuple[str, ...]
    val_accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Candidates:
    """The candidates of a search.

    Attributes:
        chosen: The Pareto set by number, then the others by distance.
        goals: The objectives of the search.
        reaching: How many trials outside of the set reach it, chosen or not.
        absent: How many completed trials have no runs on this machine. They were not considered.
    """

    chosen: list[Candidate]
    goals: list[Objective]
    reaching: int
    absent: int

    @property
    def members(self) -> int:
        """How many of the chosen are in the Pareto set of the search."""
        return sum(each.member for each in self.chosen)


def candidates(
    sweep: Path, files: Files = HERE, *, trust: bool = False, level: float = LEVEL, most: int | None = None
) -> Candidates:
    """Return the Pareto set of the search in `sweep`, and the trials whose confidence interval reaches it.

    Args:
        sweep: The directory of a search.
        files: Files of this machine that replace those in the configurations.
        trust: Whether the configurations may import code and read files that they name.
        level: The confidence level of the intervals.
        most: The largest number of trials outside of the set. The nearest are chosen. None chooses all.

    Raises:
        UsageError: An option is out of its range, `sweep` does not contain a search that can be read, or a
            configuration names code without `trust`.
    """
    check_range("--level", level, 0, 0.9999, above=True)
    if most is not None:
        check_range("--most", most, 0)
    search = read_search(sweep)
    near = [*zip(_distances(search.trials, search.goals, level), search.trials, strict=True)]
    inside = [(distance, trial) for distance, trial in near if trial.member]
    outside = [(distance, trial) for distance, trial in near if not trial.member and distance <= 1]
    outside.sort(key=lambda pair: pair[0])
    chosen = [_candidate(trial, distance, level, files, trust=trust) for distance, trial in [*inside, *outside[:most]]]
    return Candidates(chosen, search.goals, len(outside), search.absent)


def _distances(trials: Sequence[SavedTrial], goals: Sequence[Objective], level: float) -> list[float]:
    ends = [[interval(goal, trial.values(goal), trial.images, level) for goal in goals] for trial in trials]
    found: list[float] = distances(
        [[trial.mean(goal) for goal in goals] for trial in trials],
        [[low for low, _ in row] for row in ends],
        [[high for _, high in row] for row in ends],
        [trial.member for trial in trials],
        [goal.maximize for goal in goals],
    ).tolist()
    return found


def _candidate(trial: SavedTrial, distance: float, level: float, files: Files, *, trust: bool) -> Candidate:
    config, _ = load_config(trial.runs[0], files, trust=trust)
    accuracies = [run.result["final"]["val_accuracy"] for run in trial.runs]
    return Candidate(
        trial=trial.number,
        member=trial.member,
        distance=distance,
        config=config,
        overrides=tuple(text for text in trial.runs[0].overrides if not text.startswith("seed=")),
        val_accuracy=statistics.fmean(accuracies),
        interval=accuracy_interval(accuracies, trial.images, level),
    )
