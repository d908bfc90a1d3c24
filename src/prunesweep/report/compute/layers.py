"""Where in the network weights were pruned, and what each layer bears on its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from prunesweep.report.compute.gather import Run, swept
from prunesweep.report.compute.groups import Experiment, Spread

MOST_COLUMNS = 200
"""More experiments than these cannot be told apart in a heat map; evenly spaced ones are taken."""
OF_A_CURVE = ("model.name", "layers.include", "prune.amount")
"""What a curve is of, and what it runs along."""


@dataclass(frozen=True)
class Heat:
    """Sparsity of each layer of one architecture: a column for each experiment, in the order of the total.

    Attributes:
        experiments: their indices.
        total: pruned / selected parameters of the network, [columns].
        sparsity: pruned / all parameters of the layer, weights and biases, [layers][columns].
        dead: in how many of the experiment's runs the layer has no weight left, [layers][columns].
        of: how many experiments there are in all.
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
    """One layer pruned alone, ever further.

    Attributes:
        setting: what tells the curve from others of the same layer, like the criterion; empty where there is none.
        experiments: their indices, in the order of `sparsity`.
        sparsity: pruned / selected parameters, of this layer alone.
        pruned: test accuracy straight after pruning.
        final: test accuracy after fine-tuning.
    """

    model: str
    layer: str
    context: str
    experiments: list[int]
    sparsity: list[float]
    pruned: list[Spread]
    final: list[Spread]


def heats(runs: Sequence[Run], experiments: Sequence[Experiment], own: Sequence[int]) -> list[Heat]:
    """A heat map for each architecture among the experiments `own`."""
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for index in own:
        fields = runs[experiments[index].runs[0]].fields
        groups[fields["model"], tuple(layer["name"] for layer in fields["layers"])].append(index)
    return [_heat(model, layers, runs, experiments, members) for (model, layers), members in groups.items() if layers]


def _heat(
    model: str, layers: tuple[str, ...], runs: Sequence[Run], experiments: Sequence[Experiment], members: list[int]
) -> Heat:
    def over(index: int) -> list[dict[str, Any]]:
        return [runs[run].fields for run in experiments[index].runs]

    ordered = sorted(members, key=lambda index: fmean(fields["sparsity"] for fields in over(index)))
    step = max(1, -(-len(ordered) // MOST_COLUMNS))
    shown = ordered[::-1][::step][::-1]  # the sparsest is always among them
    return Heat(
        model,
        list(layers),
        shown,
        [fmean(fields["sparsity"] for fields in over(index)) for index in shown],
        [
            [fmean(fields["layers"][row]["sparsity"] for fields in over(index)) for index in shown]
            for row in range(len(layers))
        ],
        [[sum(_is_dead(fields, row) for fields in over(index)) for index in shown] for row in range(len(layers))],
        len(ordered),
    )


def _is_dead(fields: dict[str, Any], row: int) -> bool:
    layer = fields["layers"][row]
    return layer["name"] in fields["dead_layers"]


def sensitivities(runs: Sequence[Run], experiments: Sequence[Experiment], own: Sequence[int]) -> list[Sensitivity]:
    """The curves that the experiments `own` hold: those whose `layers.include` names a single layer, twice or more."""
    layers = {index: _only_layer(runs[experiments[index].runs[0]]) for index in own}
    single = [runs[experiments[index].runs[0]] for index, layer in layers.items() if layer]
    keys = [key for key in swept(single) if key not in OF_A_CURVE]
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, layer in layers.items():
        run = runs[experiments[index].runs[0]]
        if layer:
            context = " ".join(f"{key}={run.settings.get(key)}" for key in keys)
            groups[run.fields["model"], layer, context].append(index)
    return [_sensitivity(*key, runs, experiments, members) for key, members in groups.items() if len(members) > 1]


def _only_layer(run: Run) -> str | None:
    included = str(run.settings.get("layers.include", "")).strip("[]")
    return included if included in {layer["name"] for layer in run.fields["layers"]} else None


def _sensitivity(
    model: str, layer: str, context: str, runs: Sequence[Run], experiments: Sequence[Experiment], members: list[int]
) -> Sensitivity:
    def over(index: int, *path: str) -> list[float]:
        found: list[Any] = [runs[run].fields for run in experiments[index].runs]
        for key in path:
            found = [fields[key] for fields in found]
        return found

    ordered = sorted(members, key=lambda index: fmean(over(index, "sparsity")))
    return Sensitivity(
        model,
        layer,
        context,
        ordered,
        [fmean(over(index, "sparsity")) for index in ordered],
        *([Spread.of(over(index, point, "test_accuracy")) for index in ordered] for point in ("pruned", "final")),
    )
