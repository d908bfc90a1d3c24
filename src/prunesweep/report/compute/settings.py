"""Which settings distinguish one experiment from another, under their names on the command line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from prunesweep.config import RunConfig
from prunesweep.results.choices import GROUPS, NAMES, pairs
from prunesweep.results.run_directory import RunDirectory, Value
from prunesweep.roles import Role, role_of


def defines_experiment(key: str) -> bool:
    """Return whether runs with different values of the setting `key` are different experiments."""
    return role_of(RunConfig, key) is Role.EXPERIMENT


def experiment_key(run: RunDirectory) -> frozenset[tuple[str, Value]]:
    """Return a key that is equal for runs that repeat the same experiment."""
    kept = {key: value for key, value in run.settings.items() if key not in GROUPS and defines_experiment(key)}
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


def varied(runs: Sequence[RunDirectory], *, groups: bool = True) -> list[str]:
    """Return the settings in which the experiments of `runs` differ: groups first, then in the order of the config.

    Without `groups`, options of groups are replaced by the settings that they determine.

    A setting that follows from another one and was not typed is left out: the option of a group determines its values,
    and the name of a network its width. So is a setting that only some runs have, unless these runs differ in it.
    """
    distinct: dict[str, set[Value]] = defaultdict(set)
    for run in runs:
        for key, value in run.settings.items():
            distinct[key].add(value)
    keys = [key for key, found in distinct.items() if len(found) > 1 and defines_experiment(key)]
    keys = [key for key in keys if key not in GROUPS or (groups and all(key in run.settings for run in runs))]
    varying = {key: [run.settings.get(key) for run in runs] for key in keys}
    typed = {key for run in runs for key, _ in pairs(run.overrides)} if groups else set()
    kept: list[str] = []
    for key in sorted(keys, key=lambda key: (key not in GROUPS, not key.endswith(NAMES))):
        names = [other for other in kept if _group(other) == _group(key) and isinstance(varying[other][0], str)]
        if key in typed or not any(_determines(varying[name], varying[key]) for name in names):
            kept.append(key)
    return sorted(kept, key=keys.index)


def swept(runs: Sequence[RunDirectory]) -> dict[str, list[Value]]:
    """Return the settings in which `runs` differ, under their names on the command line, with a value for each run.

    These are the typed ones, including `seed`, and those of `varied`. Settings that cannot change a result, such as the
    directory of the store, are left out.
    """
    given = [dict(pairs(run.overrides)) for run in runs]
    typed = [key for each in given for key in each if role_of(RunConfig, key) is not Role.NOTHING]
    columns = {
        key: [run.settings.get(key, each.get(key)) for run, each in zip(runs, given, strict=True)]
        for key in dict.fromkeys((*typed, *varied(runs)))
    }
    return {key: values for key, values in columns.items() if len(set(values)) > 1}


def _group(key: str) -> str:
    return key.partition(".")[0]


def _determines(column: Sequence[Value], other: Sequence[Value]) -> bool:
    """Return whether each value of `column` occurs together with a single value of `other`."""
    return len(set(zip(column, other, strict=True))) == len(set(column))
