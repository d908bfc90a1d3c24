"""What a report shows, as plain values: nothing is drawn here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prunesweep.data.sources import SOURCES
from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.frontiers import Frontier, frontier, volume
from prunesweep.report.compute.gather import Run, Runs, Value, swept
from prunesweep.report.compute.groups import Experiment, Spread, experiments
from prunesweep.report.compute.layers import Heat, Sensitivity, heats, sensitivities


@dataclass(frozen=True)
class Dense:
    """The unpruned networks of one architecture: accuracies over those that were trained."""

    model: str
    params: int
    trained: int
    val: Spread
    test: Spread


@dataclass(frozen=True)
class Task:
    """All that was measured on one data set; only these figures can be compared with each other.

    Attributes:
        validation: how many images chose; several counts if sweeps differ, empty where it is not known.
        test: how many images the test accuracies are of.
        keys: the settings that experiments differ in.
    """

    dataset: str
    validation: str
    test: int | None
    keys: list[str]
    seeds: list[int]
    dense: list[Dense]
    frontiers: dict[str, Frontier]
    hypervolume: Spread | None
    heats: list[Heat]
    sensitivities: list[Sensitivity]


@dataclass(frozen=True)
class Values:
    """A whole report: `experiments` are shared by the tasks, `keys` are what they were told apart by."""

    runs: Runs
    keys: list[str]
    experiments: list[Experiment]
    tasks: list[Task]


def compute(runs: Runs) -> Values:
    """All values of the report on `runs`."""
    found = experiments(runs.done)
    datasets = dict.fromkeys(run.fields["dataset"] for run in runs.done)
    return Values(runs, swept(runs.done), found, [_task(name, runs.done, found) for name in datasets])


def _task(dataset: str, runs: Sequence[Run], found: Sequence[Experiment]) -> Task:
    own = [index for index, experiment in enumerate(found) if _dataset(runs, experiment) == dataset]
    members = [run for run in runs if run.fields["dataset"] == dataset]
    keys = swept(members)
    frontiers = {axis: frontier(axis, own, keys, runs, found) for axis in AXES}
    return Task(
        dataset,
        _told({run.settings.get("dataset.validation") for run in members}),
        SOURCES[dataset].test if dataset in SOURCES else None,
        keys,
        sorted({run.fields["seed"] for run in members}),
        _dense(members),
        {axis: found for axis, found in frontiers.items() if found.members},
        volume(members),
        heats(runs, found, own),
        sensitivities(runs, found, own),
    )


def _told(counts: set[Value]) -> str:
    return " or ".join(f"{count:,}" for count in sorted(count for count in counts if isinstance(count, int)))


def _dataset(runs: Sequence[Run], experiment: Experiment) -> str:
    return str(runs[experiment.runs[0]].fields["dataset"])


def _dense(runs: Sequence[Run]) -> list[Dense]:
    trained: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for run in runs:
        trained[run.fields["model"], run.fields["params_total"]][run.fields["dense_digest"]] = run.fields["dense"]
    return [
        Dense(
            *key,
            len(scores),
            *(Spread.of([one[score] for one in scores.values()]) for score in ("val_accuracy", "test_accuracy")),
        )
        for key, scores in trained.items()
    ]
