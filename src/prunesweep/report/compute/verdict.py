"""The verdict on a sweep: which network to take, how sure that is, and the sentence that says so.

Networks are selected by validation accuracy only, relative to the best dense network on their data set: the smallest
network of a sweep may start from a dense one that is worse than the others. Test accuracy is reported.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from prunesweep.report.compute.confirmation import Confirmation
from prunesweep.report.compute.groups import Experiment, Spread, over_seeds
from prunesweep.report.compute.noise import Evidence, Noise, ties
from prunesweep.report.compute.reference import Reference
from prunesweep.results.objectives import NEAR
from prunesweep.results.run_directory import RunDirectory

ENOUGH_SEEDS = 3
"""A setting with this number of seeds can be recommended, however many seeds others have. With fewer, it needs as many
seeds as any other setting within the limit."""
CONTROLS = ("random", "none")
"""Criteria that real methods are compared with."""


@dataclass(frozen=True)
class Choice:
    """A setting to choose, for one or several reasons.

    Attributes:
        roles: `safest`, `recommended` or `smallest`.
        experiment: The index of the experiment.
        run: The index of its run with the highest validation accuracy.
        evidence: How well it was measured; by the confirming runs, if there are any.
        tied: The pruned settings whose drop does not differ significantly from its drop.
        dense: Test accuracy of its dense networks, or of the best dense network if they are below it. None if no dense
            network was trained.
        test: Test accuracy.
    """

    roles: tuple[str, ...]
    experiment: int
    run: int
    evidence: Evidence
    tied: tuple[int, ...]
    dense: Spread | None
    test: Spread


@dataclass(frozen=True)
class Verdict:
    """The verdict for one data set.

    Attributes:
        sentence: The answer in one sentence.
        choices: The settings to choose from, the safest first. Empty if no network was pruned.
        noise: The noise of validation accuracies.
        evidence: Experiment -> how well it was measured.
        limit: The largest drop of validation accuracy of the smallest and the recommended setting.
    """

    sentence: str
    choices: list[Choice]
    noise: Noise
    evidence: dict[int, Evidence]
    limit: float = NEAR


def verdict(
    indices: Sequence[int],
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
    confirmed: Mapping[int, Confirmation],
    images: tuple[int | None, int | None],
) -> Verdict:
    """Return the verdict on the experiments `indices`, all on one data set.

    - smallest: the fewest parameters within the limit;
    - safest: the least drop of validation accuracy, its uncertainty added, within the limit and with enough seeds;
    - recommended: the fewest parameters among those that do not differ significantly from the safest.

    If no setting is within the limit, the safest of all is the only choice. A control is neither the safest nor
    recommended while a method within the limit has at most its drop, or one that does not differ significantly.

    Args:
        indices: Experiments on one data set.
        runs: All completed runs.
        experiments: All experiments.
        confirmed: Confirmations by experiment.
        images: The numbers of validation and test images, None if unknown.
    """
    evidence = {
        index: Evidence.of(
            confirmed[index].runs if index in confirmed else [runs[run] for run in experiments[index].runs],
            experiments[index].behind,
        )
        for index in indices
    }
    reference = Reference.of([[runs[run] for run in experiments[index].runs] for index in indices])
    pruned = {index: evidence[index] for index in indices if _kept(experiments[index], runs) < 1}
    noise = Noise.of(pruned.values(), images[0])
    if not pruned:
        return Verdict("No network was pruned.", [], noise, evidence)
    roles: dict[int, list[str]] = {}
    controls = {index for index in pruned if is_control(runs[experiments[index].runs[0]])}
    for role, index in _roles(pruned, controls, experiments, noise).items():
        roles.setdefault(index, []).append(role)
    choices = [
        _choice(tuple(names), index, pruned, noise, runs, experiments, confirmed, reference)
        for index, names in roles.items()
    ]
    return Verdict(_sentence(choices, runs, experiments, confirmed, images[1]), choices, noise, evidence)


def is_control(run: RunDirectory) -> bool:
    """Return whether the criterion of a run is a control: random weights are pruned, or none."""
    return run.settings.get("prune.criterion") in CONTROLS


def _roles(
    pruned: Mapping[int, Evidence], controls: Container[int], experiments: Sequence[Experiment], noise: Noise
) -> dict[str, int]:
    def size(index: int) -> tuple[float, bool, float]:
        return experiments[index].costs["params_nonzero"] or 0, index in controls, pruned[index].drop

    def worst(index: int) -> tuple[float, tuple[float, bool, float]]:
        return pruned[index].drop + noise.margin(pruned[index]), size(index)

    within = [index for index, each in pruned.items() if each.drop <= NEAR + 1e-9]
    if not within:
        return {"safest": min(_without_beaten(list(pruned), list(pruned), controls, pruned, noise), key=worst)}
    enough = min(ENOUGH_SEEDS, max(pruned[index].seeds for index in within))
    sure = [index for index in within if pruned[index].seeds >= enough]
    fit = _without_beaten(sure, within, controls, pruned, noise)
    safest = min(fit, key=worst)
    tied = [index for index in fit if index == safest or noise.tied(pruned[index], pruned[safest])]
    return {"safest": safest, "recommended": min(tied, key=size), "smallest": min(within, key=size)}


def _without_beaten(
    sure: Sequence[int],
    within: Sequence[int],
    controls: Container[int],
    pruned: Mapping[int, Evidence],
    noise: Noise,
) -> list[int]:
    """Return the settings `sure` without the controls that a method in `within` is tied with, or better than.

    If only such controls are left, return these methods: with few seeds they are still the better choice.
    """
    methods = sorted((index for index in within if index not in controls), key=lambda index: pruned[index].drop)

    def rivals(control: int) -> Iterator[int]:
        one = pruned[control]
        return (each for each in methods if pruned[each].drop <= one.drop or noise.tied(pruned[each], one))

    fit = [index for index in sure if index not in controls or next(rivals(index), None) is None]
    return fit or list(dict.fromkeys(method for control in sure for method in rivals(control)))


def _choice(
    roles: tuple[str, ...],
    index: int,
    pruned: Mapping[int, Evidence],
    noise: Noise,
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
    confirmed: Mapping[int, Confirmation],
    reference: Reference,
) -> Choice:
    members = experiments[index].runs
    measured = confirmed[index].runs if index in confirmed else [runs[run] for run in members]
    dense = over_seeds(measured, lambda result: result["dense"]["test_accuracy"])
    if experiments[index].behind:
        dense = Spread.of(list(reference.test.values()))
    return Choice(
        roles=roles,
        experiment=index,
        run=max(members, key=lambda run: runs[run].result["final"]["val_accuracy"]),
        evidence=pruned[index],
        tied=tuple(ties(pruned, index, noise)),
        dense=dense if reference.trained else None,
        test=over_seeds(measured, lambda result: result["final"]["test_accuracy"]),
    )


def _kept(experiment: Experiment, runs: Sequence[RunDirectory]) -> float:
    """Return the fraction of the parameters that is left."""
    return fmean(runs[run].result["params_nonzero"] / runs[run].result["params_total"] for run in experiment.runs)


def _sentence(
    choices: Sequence[Choice],
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
    confirmed: Mapping[int, Confirmation],
    images: int | None,
) -> str:
    best = next((each for each in choices if "recommended" in each.roles), choices[0])
    digits = 1 if (images or 0) <= 1_000 else 2  # no more than the images can resolve
    left, total = experiments[best.experiment].costs["params_nonzero"] or 0, runs[best.run].result["params_total"]
    seeds = "one seed" if best.evidence.seeds == 1 else f"{best.evidence.seeds} seeds"
    if best.experiment in confirmed:
        seeds = f"confirmed with {'one new seed' if best.evidence.seeds == 1 else f'{best.evidence.seeds} new seeds'}"
    numbers = (
        f"{100 * left / total:.3g} % of the parameters ({left:,.0f} of {total:,}): test accuracy "
        f"{accuracy(best.test, digits)}{_against(best.dense, digits)} ({seeds})"
    )
    if "recommended" in best.roles:
        return f"Keep {numbers}."
    warning = " It collapsed: this network does not work." if experiments[best.experiment].collapsed else ""
    return (
        f"No pruned network is within {100 * NEAR:g} points of the validation accuracy of the dense network. "
        f"The safest keeps {numbers}.{warning}"
    )


def _against(dense: Spread | None, digits: int) -> str:
    return ", without a trained dense network" if dense is None else f" against {accuracy(dense, digits)} dense"


def accuracy(spread: Spread, digits: int = 2) -> str:
    """Format the spread of an accuracy in percent: `96.2 ± 0.3 %`."""
    sd = "" if spread.sd is None else f" ± {100 * spread.sd:.{digits}f}"
    return f"{100 * spread.mean:.{digits}f}{sd} %"
