"""Which settings distinguish one experiment from another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from prunesweep.config import RunConfig
from prunesweep.results.run_directory import RunDirectory, Value
from prunesweep.roles import Role, role_of

NAMES = ("name", "criterion")
"""The setting with the name of a group's option: `model.name`, `prune.criterion`."""


def defines_experiment(key: str) -> bool:
    """Return whether runs with different values of the setting `key` are different experiments."""
    return role_of(RunConfig, key) is Role.EXPERIMENT


def experiment_key(run: RunDirectory) -> frozenset[tuple[str, Value]]:
    """Return a key that is equal for runs that repeat the same experiment."""
    kept = {key: value for key, value in run.settings.items() if defines_experiment(key)}
    return frozenset({**kept, "model": run.result["model"], "dataset": run.result["dataset"]}.items())


def given_settings(run: RunDirectory) -> dict[str, str]:
    """Return the overrides of a run by key, as typed."""
    pairs = (text.partition("=") for text in run.overrides)
    return {key.lstrip("+"): value for key, equals, value in pairs if equals}


def value_as_typed(key: str, run: RunDirectory, given: Mapping[str, str]) -> Value:
    """Return the value of a setting. The option of a group is known only if it was given, or has a name."""
    if key in run.settings:
        return run.settings[key]
    if key in given:
        return given[key]
    return next((run.settings[name] for each in NAMES if (name := f"{key}.{each}") in run.settings), None)


def varied(runs: Sequence[RunDirectory]) -> list[str]:
    """Return the settings in which the experiments of `runs` differ, in the order of the config.

    A setting that follows from another one is left out: the name of a network determines its width, for example. So is
    a setting that only some runs have, unless these runs differ in it.
    """
    distinct: dict[str, set[Value]] = defaultdict(set)
    for run in runs:
        for key, value in run.settings.items():
            distinct[key].add(value)
    keys = [key for key, found in distinct.items() if len(found) > 1 and defines_experiment(key)]
    varying = {key: [run.settings.get(key) for run in runs] for key in keys}
    kept: list[str] = []
    for key in sorted(keys, key=lambda key: not key.endswith((".name", ".criterion"))):
        names = [other for other in kept if _group(other) == _group(key) and isinstance(varying[other][0], str)]
        if not any(_determines(varying[name], varying[key]) for name in names):
            kept.append(key)
    return sorted(kept, key=keys.index)


def _group(key: str) -> str:
    return key.partition(".")[0]


def _determines(column: Sequence[Value], other: Sequence[Value]) -> bool:
    """Return whether each value of `column` occurs together with a single value of `other`."""
    return len(set(zip(column, other, strict=True))) == len(set(column))
