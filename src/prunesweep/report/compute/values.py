"""All values of a report, computed before anything is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prunesweep.data.sources import SOURCES
from prunesweep.report.compute.confirmation import Confirmation, confirmations
from prunesweep.report.compute.costs import AXES, optimized
from prunesweep.report.compute.frontiers import Frontier, Hypervolume, frontier, goals_of, volume
from prunesweep.report.compute.gather import Runs
from prunesweep.report.compute.groups import Experiment, Spread, experiments
from prunesweep.report.compute.layers import Heat, Sensitivity, heats, sensitivities
from prunesweep.report.compute.reference import Reference
from prunesweep.report.compute.settings import varied
from prunesweep.report.compute.slices import Mattered, mattered
from prunesweep.report.compute.verdict import Verdict, verdict
from prunesweep.results.result import classes_of
from prunesweep.results.run_directory import RunDirectory


@dataclass(frozen=True)
class Dense:
    """The best dense network of one architecture, see `Reference`.

    Attributes:
        params: Number of parameters.
        trained: Number of trained networks: one for each seed, or one if the user gives the weights.
        val, test: Accuracies over these networks.
    """

    model: str
    params: int
    trained: int
    val: Spread
    test: Spread


@dataclass(frozen=True)
class Task:
    """The values for one data set. Values of different data sets cannot be compared.

    Attributes:
        validation: Number of validation images as text. Several numbers if sweeps differ, empty if it is unknown.
        test: Number of test images, or None if it is unknown.
        classes: Number of classes.
        keys: Settings in which the experiments differ.
        architectures: Name and number of parameters of each network, before pruning.
        dense: The dense networks. Those of an architecture that was never trained before pruning are missing.
        frontiers: Cost -> frontier, for costs that are known.
        axis: The cost of the first view, of `frontier.csv` and of `frontier.png`.
        mattered: What mattered, or None if fewer than two settings vary.
    """

    dataset: str
    validation: str
    test: int | None
    classes: int
    keys: list[str]
    seeds: list[int]
    architectures: list[tuple[str, int]]
    dense: list[Dense]
    frontiers: dict[str, Frontier]
    axis: str
    hypervolume: Hypervolume
    heats: list[Heat]
    sensitivities: list[Sensitivity]
    mattered: Mattered | None
    verdict: Verdict


@dataclass(frozen=True)
class Values:
    """All values of a report.

    Attributes:
        runs: The runs of the report.
        keys: Settings in which the experiments of all data sets differ.
        experiments: The experiments of all data sets.
        tasks: The values for each data set.
        confirmed: Results of `prunesweep confirm` by the index of the experiment.
    """

    runs: Runs
    keys: list[str]
    experiments: list[Experiment]
    tasks: list[Task]
    confirmed: dict[int, Confirmation]


def compute(runs: Runs) -> Values:
    """Compute all values of a report on `runs`."""
    groups = experiments(runs.completed)
    datasets = dict.fromkeys(run.result["dataset"] for run in runs.completed)
    confirmed = confirmations(runs.confirmed, runs.completed, groups)
    tasks = [_task(name, runs.completed, groups, confirmed) for name in datasets]
    return Values(runs, varied(runs.completed), groups, tasks, confirmed)


def sentences(values: Values) -> list[str]:
    """Return the verdict of each data set as a sentence, with its name if there are several."""
    several = len(values.tasks) > 1
    return [f"{task.dataset}: {task.verdict.sentence}" if several else task.verdict.sentence for task in values.tasks]


def _task(
    dataset: str,
    runs: Sequence[RunDirectory],
    groups: Sequence[Experiment],
    confirmed: Mapping[int, Confirmation],
) -> Task:
    indices = [index for index, group in enumerate(groups) if runs[group.runs[0]].result["dataset"] == dataset]
    members = [run for run in runs if run.result["dataset"] == dataset]
    keys = varied(members)
    frontiers = {axis: frontier(axis, indices, keys, runs, groups) for axis in AXES}
    sizes = [size for run in members if (size := _examples(run, "validation"))]
    test = _examples(members[0], "test")
    architectures: dict[tuple[str, int], list[list[RunDirectory]]] = defaultdict(list)
    for index in indices:
        first = runs[groups[index].runs[0]].result
        architectures[first["model"], first["params_total"]].append([runs[run] for run in groups[index].runs])
    return Task(
        dataset=dataset,
        validation=" or ".join(f"{size:,}" for size in sorted(set(sizes))),
        test=test,
        classes=classes_of(members[0].result),
        keys=keys,
        seeds=sorted({run.result["seed"] for run in members}),
        architectures=list(architectures),
        dense=[
            Dense(*name, best.networks, _spread(best.val, best.networks), _spread(best.test, best.networks))
            for name, settings in architectures.items()
            if (best := Reference.of(settings)).trained
        ],
        frontiers={axis: front for axis, front in frontiers.items() if front.members},
        axis=optimized(goals_of(members)),
        hypervolume=volume(indices, runs, groups),
        heats=heats(runs, groups, indices),
        sensitivities=sensitivities(runs, groups, indices),
        mattered=mattered(keys, indices, runs, groups, min(sizes, default=None)),
        verdict=verdict(indices, runs, groups, confirmed, (min(sizes, default=None), test)),
    )


def _spread(by_seed: Mapping[int, float], networks: int) -> Spread:
    values = list(by_seed.values())
    return Spread.of(values if networks > 1 else values[:1])


def _examples(run: RunDirectory, split: str) -> int | None:
    """Return the number of examples of a split. Older releases did not record it."""
    sizes = run.result.get("examples")
    if sizes is not None:
        return int(sizes[split])
    if split == "validation":
        size = run.settings.get("dataset.validation")
        return size if isinstance(size, int) else None
    source = SOURCES.get(run.result["dataset"])
    return source.test if source else None
