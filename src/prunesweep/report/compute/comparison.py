"""Compare methods over the seeds, amounts and data sets that they have in common."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from prunesweep.errors import UsageError, check_choice
from prunesweep.report.compute.gather import Runs
from prunesweep.report.compute.methods import Condition, Context, Methods, comparable_keys, methods
from prunesweep.results.comparing.area import mean_height
from prunesweep.results.comparing.correction import holm
from prunesweep.results.comparing.paired import Paired, paired, pairs_needed
from prunesweep.results.comparing.ranks import mean_ranks
from prunesweep.results.run_directory import RunDirectory

ALPHA = 0.05
"""The largest probability of any false win or loss in a comparison."""
LEVEL = 0.95
"""The level of the confidence intervals."""
SPLITS = {"test": "test_accuracy", "validation": "val_accuracy"}
"""The splits on which methods can be compared, and the field of a result with the accuracy."""
MAX_METHODS = 20
"""The largest number of methods that a report compares without a request."""


@dataclass(frozen=True)
class Contrast:
    """The difference between two methods, `first` minus `second`, under one condition or over a whole curve.

    Attributes:
        first, second: The methods.
        context: The settings that differ between conditions, except for the amount.
        amount: The amount to prune. None for the area under the curve.
        means: The means of both methods over their common seeds.
        difference: The paired difference over their common seeds.
        p: The p-value, corrected for all tests of the comparison. None with a single common seed.
        needed: How many seeds would detect this difference with a power of 0.8. None if it is unknown or too large.
    """

    first: str
    second: str
    context: Context
    amount: float | None
    means: tuple[float, float]
    difference: Paired
    p: float | None = None
    needed: int | None = None

    @property
    def outcome(self) -> str:
        """`win` or `loss` of the first method, `tie` if they are not distinguished, `one seed` if nothing is known."""
        if self.p is None:
            return "one seed"
        if self.p > ALPHA:
            return "tie"
        return "win" if self.difference.mean > 0 else "loss"


@dataclass(frozen=True)
class Area:
    """The area under the accuracy-sparsity curve of a method, divided by its width.

    Attributes:
        method: The method.
        context: The settings that differ between conditions, except for the amount.
        amounts: The amounts that all methods have in common.
        mean: The mean over seeds, with its interval.
    """

    method: str
    context: Context
    amounts: list[float]
    mean: Paired


@dataclass(frozen=True)
class Comparison:
    """A comparison of methods.

    Attributes:
        key: The compared key.
        split: The split on which accuracy was measured, `test` or `validation`.
        methods: The methods.
        belonging: Other settings in which the methods differ.
        pairs: The compared pairs of methods.
        contrasts: The contrasts of all pairs: for each context the area, then the amounts.
        areas: The area of each method and context.
        ranks: Method -> mean rank, the best first. Empty if no condition has a common seed of all methods.
        ranked: The number of conditions that enter the ranks.
        failed: The number of runs without a result.
    """

    key: str
    split: str
    methods: list[str]
    belonging: list[str]
    pairs: list[tuple[str, str]]
    contrasts: list[Contrast]
    areas: list[Area]
    ranks: Mapping[str, float]
    ranked: int
    failed: int

    @property
    def tested(self) -> int:
        """The number of tests for which p-values are corrected."""
        return sum(each.p is not None for each in self.contrasts)

    def of_pair(self, first: str, second: str) -> list[Contrast]:
        """Return the contrasts of a pair of methods."""
        return [each for each in self.contrasts if (each.first, each.second) == (first, second)]


def compare(
    runs: Runs, key: str, focus: str | None = None, *, all_pairs: bool = False, split: str = "test"
) -> Comparison:
    """Compare the methods that the setting `key` distinguishes.

    Args:
        runs: The runs of one or several sweeps.
        key: A setting, a group, or `sweep`.
        focus: The method that is compared with all others. By default the first.
        all_pairs: Compare every pair of methods instead.
        split: `test` or `validation`.

    Raises:
        UsageError: The key does not distinguish two methods, `focus` is unknown, or no two methods have a common seed.
    """
    check_choice("--split", split, SPLITS)
    found = methods(runs, key, lambda run: float(run.result["final"][SPLITS[split]]))
    names = found.names
    if focus is not None:
        check_choice("--focus", focus, names)
        names = [focus, *(name for name in names if name != focus)]
    pairs = list(itertools.combinations(names, 2) if all_pairs else ((names[0], other) for other in names[1:]))
    resolution = 1 / _images(runs.completed, split)
    contrasts = [each for first, second in pairs for each in _contrasts(first, second, found.conditions, resolution)]
    if not contrasts:
        raise UsageError(_nothing_in_common(found, pairs))
    ranks, ranked = _ranks(found)
    return Comparison(
        key=key,
        split=split,
        methods=names,
        belonging=found.belonging,
        pairs=pairs,
        contrasts=_corrected(contrasts),
        areas=list(_areas(found)),
        ranks=ranks,
        ranked=ranked,
        failed=len(runs.failed) + runs.not_started,
    )


def compare_automatically(runs: Runs) -> Comparison | None:
    """Return the comparison that a report shows: of the first given group or name with several common seeds."""
    for key in comparable_keys(runs):
        values = {value for run in runs.completed if isinstance(value := run.settings.get(key), int | float)}
        if values:
            continue  # numbers are not methods
        try:
            found = compare(runs, key)
        except UsageError:
            continue
        if found.tested and len(found.methods) <= MAX_METHODS:
            return found
    return None


def _images(runs: Sequence[RunDirectory], split: str) -> float:
    """Return the largest number of images of a split, infinity if older releases did not record it."""
    return max(float(run.result.get("examples", {}).get(split, "inf")) for run in runs)


def _common(condition: Condition, first: str, second: str) -> list[int]:
    return sorted(condition.scores.get(first, {}).keys() & condition.scores.get(second, {}).keys())


def _by_context(conditions: Sequence[Condition]) -> dict[Context, list[Condition]]:
    groups: dict[Context, list[Condition]] = defaultdict(list)
    for condition in conditions:
        groups[condition.context].append(condition)
    return groups


def _contrasts(first: str, second: str, conditions: Sequence[Condition], resolution: float) -> Iterator[Contrast]:
    for context, members in _by_context(conditions).items():
        shared = [condition for condition in members if _common(condition, first, second)]
        curves = [_curve_heights(name, shared, (first, second)) for name in (first, second)]
        if curves[0]:
            yield _contrast(first, second, context, None, curves[0], curves[1], 0.0)
        for condition in shared:
            seeds = _common(condition, first, second)
            scores = [[condition.scores[name][seed] for seed in seeds] for name in (first, second)]
            yield _contrast(first, second, context, condition.amount, scores[0], scores[1], resolution)


def _contrast(
    first: str,
    second: str,
    context: Context,
    amount: float | None,
    ours: Sequence[float],
    theirs: Sequence[float],
    resolution: float,
) -> Contrast:
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    means = fmean(ours), fmean(theirs)
    return Contrast(first, second, context, amount, means, paired(differences, LEVEL, resolution))


def _curve_heights(name: str, conditions: Sequence[Condition], needed: Sequence[str]) -> list[float]:
    """Return the mean height of the curve of a method for each seed with which all `needed` methods have all amounts.

    Returns:
        No value if there are less than two amounts or no such seed.
    """
    amounts = [condition.amount for condition in conditions]
    if len(set(amounts)) < 2 or len(set(amounts)) < len(amounts):
        return []
    seeds = set.intersection(*(set(condition.scores.get(each, {})) for condition in conditions for each in needed))
    return [mean_height(amounts, [condition.scores[name][seed] for condition in conditions]) for seed in sorted(seeds)]


def _areas(found: Methods) -> Iterator[Area]:
    for context, conditions in _by_context(found.conditions).items():
        shared = [condition for condition in conditions if all(condition.scores.get(name) for name in found.names)]
        for name in found.names:
            heights = _curve_heights(name, shared, [name])
            if heights:
                amounts = [condition.amount for condition in shared]
                yield Area(name, context, amounts, paired(heights, LEVEL))


def _corrected(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Return the contrasts with p-values corrected together, and the seeds that each needs at that level."""
    known = [each.difference.p for each in contrasts if each.difference.p is not None]
    corrected = iter(holm(known))
    return [
        each
        if each.difference.sd is None
        else replace(
            each, p=next(corrected), needed=pairs_needed(each.difference.mean, each.difference.sd, ALPHA / len(known))
        )
        for each in contrasts
    ]


def _ranks(found: Methods) -> tuple[dict[str, float], int]:
    """Return the mean rank of each method, the best first, and the number of conditions."""
    blocks = []
    for condition in found.conditions:
        seeds = set.intersection(*(set(condition.scores.get(name, {})) for name in found.names))
        if seeds:
            blocks.append([fmean(condition.scores[name][seed] for seed in seeds) for name in found.names])
    if not blocks:
        return {}, 0
    means = dict(zip(found.names, mean_ranks(blocks), strict=True))
    return dict(sorted(means.items(), key=lambda item: item[1])), len(blocks)


def _nothing_in_common(found: Methods, pairs: Sequence[tuple[str, str]]) -> str:
    first, second = pairs[0]

    def seeds(name: str) -> str:
        return ", ".join(map(str, sorted({seed for one in found.conditions for seed in one.scores.get(name, {})})))

    differing = sorted({key for condition in found.conditions for key, _ in condition.context})
    others = f" They also differ in: {', '.join(differing)}." if differing else ""
    return (
        f"--by={found.key}: no two runs of different methods have the same amount, seed and other settings, so nothing "
        f"can be compared. Seeds of {first}: {seeds(first)}; of {second}: {seeds(second)}.{others}"
    )
