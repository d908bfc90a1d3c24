"""The results of `prunesweep confirm` for the settings of a search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prunesweep.report.compute.groups import Experiment, Spread, over_seeds
from prunesweep.results.run_directory import RunDirectory


@dataclass(frozen=True)
class Confirmation:
    """A setting of a search, trained again with new seeds.

    Attributes:
        runs: The new runs.
        seeds: The number of new seeds.
        val, test: Final accuracies of the new runs.
        difference: Validation accuracy of the new runs minus that of the search. It is negative if the search
            flattered the setting.
    """

    runs: tuple[RunDirectory, ...]
    seeds: int
    val: Spread
    test: Spread
    difference: float


def confirmations(
    confirmed: Iterable[RunDirectory], runs: Sequence[RunDirectory], experiments: Sequence[Experiment]
) -> dict[int, Confirmation]:
    """Return the confirmations by the index of the experiment.

    Args:
        confirmed: The completed runs of `prunesweep confirm`, named by trial and seed: `17/seed=3`.
        runs: The completed runs of the search, named `17`, or `17/seed=3` with several seeds per trial.
        experiments: The experiments of `runs`.
    """
    by_trial: dict[str, list[RunDirectory]] = defaultdict(list)
    for run in confirmed:
        by_trial[_trial(run.name)].append(run)
    found = {}
    for index, experiment in enumerate(experiments):
        trials = {_trial(runs[run].name) for run in (*experiment.runs, *experiment.duplicates)}
        new = [run for trial in sorted(trials) for run in by_trial.get(trial, [])]
        if new:
            found[index] = _confirmation(new, experiment)
    return found


def _trial(name: str) -> str:
    return name.partition("/seed=")[0]


def _confirmation(runs: Sequence[RunDirectory], experiment: Experiment) -> Confirmation:
    val = over_seeds(runs, lambda result: result["final"]["val_accuracy"])
    test = over_seeds(runs, lambda result: result["final"]["test_accuracy"])
    seeds = len({run.result["seed"] for run in runs})
    return Confirmation(tuple(runs), seeds, val, test, val.mean - experiment.val.mean)
