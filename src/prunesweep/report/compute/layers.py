"""From which layers weights were pruned, and how accuracy depends on the sparsity of a single layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from prunesweep.report.compute.groups import Experiment, Spread, over_seeds
from prunesweep.report.compute.settings import varied
from prunesweep.results.run_directory import RunDirectory

MAX_COLUMNS = 200
"""More columns than this cannot be distinguished in a heat map. Evenly spaced ones are kept."""
CURVE_KEYS = ("model.name", "layers.include", "prune.amount")
"""Settings that define a sensitivity curve or vary along it."""


@dataclass(frozen=True)
class Heat:
    """Sparsity of each layer of one architecture, with one column per experiment, sorted by total sparsity.

    Attributes:
        layers: The names of the layers.
        experiments: Indices of the experiments, [columns].
        total: Pruned / selected parameters of the network, [columns].
        sparsity: Pruned / all parameters of the layer, weights and biases, [layers][columns].
        dead: Number of runs of the experiment in which no weight of the layer is left, [layers][columns].
        of: Number of experiments before thinning.
    """

    model: str
    layers: list[str]
    experiments: list[int]
    total: list[float]
    sparsity: list[list[float]]
    dead: list[list[int]]
    of: int


@dataclass(frozen=True)
class Sensitivity:
    """Test accuracy against the sparsity of a single pruned layer.

    Attributes:
        context: Other settings that distinguish the curve, such as the criterion. Empty if there are none.
        experiments: Indices of the experiments, in the order of `sparsity`.
        sparsity: Pruned / selected parameters of the layer.
        pruned: Test accuracy directly after pruning.
        final: Test accuracy after fine-tuning.
    """

    model: str
    layer: str
    context: str
    experiments: list[int]
    sparsity: list[float]
    pruned: list[Spread]
    final: list[Spread]


def heats(runs: Sequence[RunDirectory], experiments: Sequence[Experiment], indices: Iterable[int]) -> list[Heat]:
    """Return one heat map for each architecture among the experiments `indices`."""
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for index in indices:
        result = runs[experiments[index].runs[0]].result
        groups[result["model"], tuple(layer["name"] for layer in result["layers"])].append(index)
    return [_heat(model, layers, runs, experiments, members) for (model, layers), members in groups.items() if layers]


def _heat(
    model: str,
    layers: tuple[str, ...],
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
    members: list[int],
) -> Heat:
    results = {index: [runs[run].result for run in experiments[index].runs] for index in members}
    total = {index: fmean(result["sparsity"] for result in results[index]) for index in members}
    ordered = sorted(members, key=total.__getitem__)
    step = max(1, -(-len(ordered) // MAX_COLUMNS))
    columns = ordered[::-1][::step][::-1]  # from the end, so that the highest sparsity is always included
    return Heat(
        model=model,
        layers=list(layers),
        experiments=columns,
        total=[total[index] for index in columns],
        sparsity=[
            [fmean(result["layers"][row]["sparsity"] for result in results[index]) for index in columns]
            for row in range(len(layers))
        ],
        dead=[
            [sum(name in result["dead_layers"] for result in results[index]) for index in columns] for name in layers
        ],
        of=len(ordered),
    )


def sensitivities(
    runs: Sequence[RunDirectory], experiments: Sequence[Experiment], indices: Iterable[int]
) -> list[Sensitivity]:
    """Return the sensitivity curves: experiments that prune the same single layer, at two or more points."""
    single = {index: layer for index in indices if (layer := _only_layer(runs[experiments[index].runs[0]]))}
    keys = [key for key in varied([runs[experiments[index].runs[0]] for index in single]) if key not in CURVE_KEYS]
    curves: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, layer in single.items():
        run = runs[experiments[index].runs[0]]
        context = " ".join(f"{key}={run.settings[key]}" for key in keys if key in run.settings)
        curves[run.result["model"], layer, context].append(index)
    return [_sensitivity(*curve, runs, experiments, members) for curve, members in curves.items() if len(members) > 1]


def _only_layer(run: RunDirectory) -> str | None:
    """Return the name of the layer if `layers.include` names a single one."""
    included = str(run.settings.get("layers.include", "")).strip("[]")
    return included if included in {layer["name"] for layer in run.result["layers"]} else None


def _sensitivity(
    model: str,
    layer: str,
    context: str,
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
    members: list[int],
) -> Sensitivity:
    def sparsity(index: int) -> float:
        return fmean(runs[run].result["sparsity"] for run in experiments[index].runs)

    def test_accuracy(index: int, point: str) -> Spread:
        members = [runs[run] for run in experiments[index].runs]
        return over_seeds(members, lambda result: result[point]["test_accuracy"])

    ordered = sorted(members, key=sparsity)
    return Sensitivity(
        model=model,
        layer=layer,
        context=context,
        experiments=ordered,
        sparsity=[sparsity(index) for index in ordered],
        pruned=[test_accuracy(index, "pruned") for index in ordered],
        final=[test_accuracy(index, "final") for index in ordered],
    )
