"""Which method each run belongs to, and under which conditions it was run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from prunesweep.errors import UsageError, printable, suggestion
from prunesweep.report.compute.gather import Runs
from prunesweep.report.compute.settings import (
    NAMES,
    defines_experiment,
    given_settings,
    value_as_typed,
    varied,
)
from prunesweep.results.run_directory import RunDirectory, Value

SWEEP = "sweep"
"""The key that compares whole sweeps."""
TARGETS = ("prune.amount", "prune.compression")
"""The settings that say how much is pruned. They never belong to a method, unless they are compared themselves."""

Context = tuple[tuple[str, Value], ...]
Measure = Callable[[RunDirectory], float]


@dataclass(frozen=True)
class Condition:
    """The settings under which methods are compared with each other.

    Attributes:
        context: The settings that differ between conditions, except for the amount.
        amount: The amount to prune. If it was not set, the mean sparsity of the runs.
        scores: Method -> seed -> accuracy.
    """

    context: Context
    amount: float
    scores: Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Methods:
    """The methods of a comparison.

    Attributes:
        key: The compared key.
        names: The methods, in the order of their runs.
        belonging: Other settings in which the methods differ, such as `prune.iterations`.
        conditions: The conditions, by context, then by amount.
    """

    key: str
    names: list[str]
    belonging: list[str]
    conditions: list[Condition]


def methods(runs: Runs, key: str, measure: Measure) -> Methods:
    """Assign completed runs to the methods that the setting `key` distinguishes.

    Args:
        runs: The runs of one or several sweeps.
        key: A setting such as `prune.criterion`, a group such as `prune`, or `sweep`.
        measure: Returns the accuracy of a run.

    Raises:
        UsageError: The key is unknown, has less than two values, or does not distinguish runs with other settings.
    """
    completed = runs.completed
    names = _names(runs, key)
    members: dict[str, list[RunDirectory]] = defaultdict(list)
    for run, name in zip(completed, names, strict=True):
        members[name].append(run)
    if len(members) < 2:
        raise UsageError(
            f"--by={key}: has the single value {next(iter(members), None)}. A comparison needs at least two values."
            + _alternatives(runs, key)
        )
    keys = varied(completed)
    belonging = [each for each in keys if each not in TARGETS and _belongs(each, key, members)]
    _check_one_variant(key, belonging, members)
    context_keys = [each for each in keys if each not in belonging and each not in (key, *TARGETS)]
    datasets = len({run.result["dataset"] for run in completed}) > 1 and _group(key) != "dataset"
    groups: dict[tuple[Context, Context], list[tuple[str, RunDirectory]]] = defaultdict(list)
    for run, name in zip(completed, names, strict=True):
        context = [(each, run.settings.get(each)) for each in context_keys]
        if datasets and "dataset.name" not in context_keys:
            context.append(("dataset", run.result["dataset"]))  # a folder, for example
        target = tuple((each, run.settings.get(each)) for each in TARGETS if each != key)
        groups[tuple(context), target].append((name, run))
    conditions = [_condition(context, target, pairs, measure) for (context, target), pairs in groups.items()]
    order = list(dict.fromkeys(condition.context for condition in conditions))
    names_of_options = tuple(f".{name}" for name in NAMES)
    return Methods(
        key=key,
        names=list(members),
        belonging=[each for each in belonging if each != key and not each.endswith(names_of_options)],
        conditions=sorted(conditions, key=lambda one: (order.index(one.context), one.amount)),
    )


def comparable_keys(runs: Runs) -> list[str]:
    """Return the keys that distinguish runs: given groups, then settings, then `sweep` for several sweeps."""
    completed = runs.completed
    given = [given_settings(run) for run in completed]
    typed = dict.fromkeys(key for each in given for key in each if defines_experiment(key))
    swept = [
        key
        for key in typed
        if len({value_as_typed(key, run, each) for run, each in zip(completed, given, strict=True)}) > 1
    ]
    several = [SWEEP] if len(runs.sweeps) > 1 else []
    return list(dict.fromkeys([*swept, *varied(completed), *several]))


def _names(runs: Runs, key: str) -> list[str]:
    """Return the method of each completed run."""
    if key == SWEEP and len(runs.sweeps) > 1:
        return [next(sweep for sweep in _longest_first(runs.sweeps) if _is_in(run, sweep)) for run in runs.completed]
    _check_known(key, runs)
    differing = [each for each in varied(runs.completed) if _group(each) == key]
    return [printable(_name(key, run, differing)) for run in runs.completed]


def _longest_first(sweeps: Iterable[str]) -> list[str]:
    return sorted(sweeps, key=len, reverse=True)


def _is_in(run: RunDirectory, sweep: str) -> bool:
    return run.name.startswith(f"{sweep}/")


def _check_known(key: str, runs: Runs) -> None:
    known = {each for run in runs.completed for each in (*run.settings, *given_settings(run))}
    known |= {_group(each) for each in known}
    if key not in known:
        candidates = comparable_keys(runs)
        raise UsageError(
            f"--by={key}: is not a setting of these runs. Settings that differ: {', '.join(candidates) or 'none'}."
            + suggestion(key, [*candidates, *sorted(known)])
        )


def _name(key: str, run: RunDirectory, differing: Sequence[str]) -> str:
    """Return the value of `key` as it was typed, and of the user's own code its import path.

    Args:
        key: A setting or a group.
        run: The run.
        differing: Settings of the group in which runs differ. They describe an option that has no name.
    """
    value = value_as_typed(key, run, given_settings(run))
    if value is None and key not in run.settings:
        return " ".join(f"{each}={run.settings.get(each)}" for each in differing) or f"{key} (not given)"
    target = run.settings.get(f"{_group(key)}.target")
    return str(target) if value == "custom" and target else str(value)


def _alternatives(runs: Runs, key: str) -> str:
    others = [each for each in comparable_keys(runs) if each != key]
    return f" Settings that differ: {', '.join(others)}." if others else ""


def _group(key: str) -> str:
    return key.partition(".")[0]


def _belongs(setting: str, key: str, members: Mapping[str, Sequence[RunDirectory]]) -> bool:
    """Return whether `setting` is a part of the methods that `key` distinguishes, not a condition."""
    if setting == key:
        return True
    constant = all(len({run.settings.get(setting) for run in runs}) == 1 for runs in members.values())
    if key == SWEEP:
        return constant
    named = key in (_group(key), *(f"{_group(key)}.{name}" for name in NAMES))
    if not named or _group(setting) != _group(key):
        return False
    given = any(setting in given_settings(run) for runs in members.values() for run in runs)
    return constant or not given


def _check_one_variant(key: str, belonging: Sequence[str], members: Mapping[str, Sequence[RunDirectory]]) -> None:
    for name, runs in members.items():
        for setting in belonging:
            values = dict.fromkeys(str(run.settings.get(setting)) for run in runs)
            if setting != key and len(values) > 1:
                hint = f"--by {_group(key)}" if "." in key else f"--by {setting}"
                raise UsageError(
                    f"--by={key}: the runs of {name} have different values of {setting}: {', '.join(values)}. "
                    f"Use {hint} to compare them."
                )


def _condition(
    context: Context, target: Context, pairs: Iterable[tuple[str, RunDirectory]], measure: Measure
) -> Condition:
    pairs = list(pairs)
    values: dict[str, dict[int, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for name, run in pairs:
        values[name][run.result["seed"]].setdefault(run.result["digest"], measure(run))  # a duplicate counts once
    amount = dict(target).get("prune.amount")
    return Condition(
        context=context,
        amount=amount if isinstance(amount, float | int) else fmean(run.result["sparsity"] for _, run in pairs),
        scores={
            name: {seed: fmean(repeated.values()) for seed, repeated in by_seed.items()}
            for name, by_seed in values.items()
        },
    )
