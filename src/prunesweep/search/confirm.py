"""Train the Pareto set of a search again with new seeds, because the best of many noisy trials looks too good.

A search reports a maximum over noisy values. The optimism of a trial is the validation accuracy that the search
reported minus the mean of new runs that differ only in the seed.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from rich.table import Table

from prunesweep.config import RunConfig
from prunesweep.errors import UsageError, check_range, printable
from prunesweep.experiment.run import Progress, run, silent
from prunesweep.experiment.saved import HERE, Files, load_config, save_config
from prunesweep.files import read_inside, refuse_links, write_atomically
from prunesweep.report.console.terminal import console, cut, percent
from prunesweep.results.plain_yaml import parse_yaml
from prunesweep.results.result import remove_outputs
from prunesweep.results.run_directory import CONFIG, CONFIRMED, SEARCH_RESULTS, RunDirectory, find_runs, read_run
from prunesweep.results.tables import csv_text
from prunesweep.store.settings import StoreSettings

TABLE = "confirmed.csv"
OVERRIDES = CONFIG.parent / "overrides.yaml"
MAX_SEARCH_RESULTS = 4 * 2**20
"""The largest size of `optimization_results.yaml` in bytes. A trial of the Pareto set needs less than 1 KiB."""
UNLIMITED_GB = 1e6  # confirming must not evict entries from the user's store


@dataclass(frozen=True)
class Candidate:
    """A trial of the Pareto set.

    Attributes:
        trial: Its number.
        config: The configuration of its first run.
        overrides: The overrides of that run, without the seed.
        val_accuracy: Its final validation accuracy in the search, the mean over its seeds.
    """

    trial: int
    config: RunConfig
    overrides: tuple[str, ...]
    val_accuracy: float


@dataclass(frozen=True)
class Confirmed:
    """A network retrained with new seeds. Accuracies are fractions, each a mean and a standard deviation.

    Attributes:
        name: Such as `trial 17` or `dense`.
        seeds: The number of runs.
        reduction: The fraction of all parameters that is pruned.
        searched: The validation accuracy in the search, or None for a dense network.
        validation: Validation accuracy.
        test: Test accuracy.
    """

    name: str
    seeds: int
    reduction: float
    searched: float | None
    validation: tuple[float, float]
    test: tuple[float, float]

    @property
    def optimism(self) -> float | None:
        """How much higher the validation accuracy was in the search, or None for a dense network."""
        return None if self.searched is None else self.searched - self.validation[0]


def confirm(
    sweep: Path, count: int, progress: Progress = silent, files: Files = HERE, *, trust: bool = False
) -> list[Confirmed]:
    """Run the Pareto set of the search in `sweep` again with `count` new seeds.

    Each run has its directory `confirmed/TRIAL/seed=N`. Completed runs with the same configuration are kept.

    Args:
        sweep: The directory of a search.
        count: The number of seeds.
        progress: Shows the progress of a run.
        files: Files of this machine that replace those in the configurations.
        trust: Whether the configurations may import code and read files that they name.

    Returns:
        The rows of `confirmed.csv`: each distinct dense network, then the trials.

    Raises:
        UsageError: `sweep` does not contain a search with a completed trial, or `count` is below 1.
    """
    check_range("--seeds", count, 1)
    chosen = candidates(sweep, files, trust=trust)
    seeds = new_seeds(find_runs(sweep), count)
    folders = {each.trial: [Path(CONFIRMED, str(each.trial), f"seed={seed}") for seed in seeds] for each in chosen}
    for name in (name for names in folders.values() for name in names):
        _check_inside(sweep, name)  # before anything is written
    runs = {
        each.trial: [
            repeat(each, seed, sweep / name, progress, files, trust=trust)
            for seed, name in zip(seeds, folders[each.trial], strict=True)
        ]
        for each in chosen
    }
    table = dense_rows(runs)
    table += [summarise(f"trial {each.trial}", runs[each.trial], "final", each.val_accuracy) for each in chosen]
    write_atomically(sweep / TABLE, as_csv(table).encode())
    return table


def candidates(sweep: Path, files: Files = HERE, *, trust: bool = False) -> list[Candidate]:
    """Return the Pareto set of the search in `sweep`.

    Raises:
        UsageError: There is no search or no completed trial, a trial is not on this machine or outside of `sweep`, or
            a configuration names code without `trust`.
    """
    chosen = list(_pareto_set(sweep))
    if not chosen:
        raise UsageError(f"{sweep}: the search has no completed trial.")
    return [_candidate(sweep, trial, directory, files, trust=trust) for trial, directory in chosen]


def _pareto_set(sweep: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the directory of each trial of the Pareto set."""
    path = sweep / SEARCH_RESULTS
    try:
        values = parse_yaml(read_inside(sweep, SEARCH_RESULTS, MAX_SEARCH_RESULTS).decode())
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{sweep}: does not contain {SEARCH_RESULTS}. Give the directory of a search, such as multirun/NAME."
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error}).") from error
    rows = values.get("pareto") if isinstance(values, dict) else None
    trials = set()
    for row in rows if isinstance(rows, list) else [None]:
        trial, directory = (row.get("trial"), row.get("directory")) if isinstance(row, dict) else (None, None)
        if type(trial) is int and trial >= 0 and isinstance(directory, str | int) and trial not in trials:
            trials.add(trial)
            yield trial, str(directory)
        else:
            raise UsageError(f"{path}: 'pareto' is not a list of trials, each with its own number and a directory.")


def _check_inside(sweep: Path, name: str | Path) -> None:
    try:
        refuse_links(sweep, name)
    except ValueError as error:
        raise UsageError(f"{sweep}: the directory {printable(name)} {error}.") from None


def _candidate(sweep: Path, trial: int, directory: str, files: Files, *, trust: bool) -> Candidate:
    _check_inside(sweep, directory)
    runs = find_runs(sweep / directory)
    if not runs:
        raise UsageError(
            f"{sweep / directory}: does not exist. The directories of trials are on the machine that ran them."
        )
    for run_directory in runs:
        if not run_directory.completed:
            raise UsageError(f"{run_directory.folder}: did not complete ({printable(run_directory.error)}).")
    config, _ = load_config(runs[0], files, trust=trust)
    return Candidate(
        trial=trial,
        config=config,
        overrides=tuple(text for text in runs[0].overrides if not text.startswith("seed=")),
        val_accuracy=statistics.fmean(run.result["final"]["val_accuracy"] for run in runs),
    )


def new_seeds(runs: Iterable[RunDirectory], count: int) -> list[int]:
    """Return `count` seeds that none of the completed `runs` of a search used."""
    first = 1 + max(run.result["seed"] for run in runs if run.completed)
    return list(range(first, first + count))


def repeat(
    candidate: Candidate,
    seed: int,
    folder: Path,
    progress: Progress,
    files: Files = HERE,
    *,
    trust: bool = False,
) -> RunDirectory:
    """Return the completed run of a candidate with another seed in `folder`; run it unless it is there already.

    Finished steps are stored in the user's own store, whose other entries are kept.
    """
    config = replace(candidate.config, seed=seed)
    if not _is_completed(folder, config, files, trust=trust):
        overrides = [*candidate.overrides, f"seed={seed}"]
        remove_outputs(folder)  # `folder` never contains a result of another configuration
        save_config(folder, config)
        write_atomically(folder / OVERRIDES, yaml.safe_dump(overrides).encode())
        run(replace(config, store=StoreSettings(max_gb=UNLIMITED_GB)), folder, overrides, progress)
    return read_run(folder)


def _is_completed(folder: Path, config: RunConfig, files: Files, *, trust: bool) -> bool:
    found = read_run(folder)
    try:
        return found.completed and load_config(found, files, trust=trust)[0] == config
    except UsageError:
        return False  # an older release had other settings


def dense_rows(runs: Mapping[int, Sequence[RunDirectory]]) -> list[Confirmed]:
    """Return one row for each distinct dense network of the trials. Networks with the same digests are the same."""
    trials = defaultdict(list)
    for trial, repetitions in runs.items():
        trials[tuple(run.result["dense_digest"] for run in repetitions)].append(trial)
    if len(trials) == 1:
        return [summarise("dense", next(iter(runs.values())), "dense", None)]
    return [
        summarise(f"dense of trial {', '.join(map(str, numbers))}", runs[numbers[0]], "dense", None)
        for numbers in trials.values()
    ]


def summarise(name: str, runs: Sequence[RunDirectory], point: str, searched: float | None) -> Confirmed:
    """Return the row of a network at `point` (`dense` or `final`) over `runs`, one for each seed."""

    def spread(score: str) -> tuple[float, float]:
        values = [run.result[point][score] for run in runs]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0

    reduction = statistics.fmean(run.result["param_reduction"] for run in runs) if point == "final" else 0.0
    return Confirmed(name, len(runs), reduction, searched, spread("val_accuracy"), spread("test_accuracy"))


def as_csv(table: Iterable[Confirmed]) -> str:
    """Return `confirmed.csv`: one row per network."""
    rows = [
        {
            "network": row.name,
            "seeds": row.seeds,
            "param_reduction": row.reduction,
            "searched val_accuracy": row.searched,
            "val_accuracy": row.validation[0],
            "val_accuracy sd": row.validation[1],
            "optimism": row.optimism,
            "test_accuracy": row.test[0],
            "test_accuracy sd": row.test[1],
        }
        for row in table
    ]
    return csv_text(rows[0], rows)


def show(table: Sequence[Confirmed]) -> None:
    """Print the table in percent."""

    def spread(pair: tuple[float, float]) -> str:
        return f"{100 * pair[0]:.2f} ± {100 * pair[1]:.2f} %"

    shown = Table(caption=f"mean ± sd over {table[0].seeds} new seeds", caption_justify="left")
    for column in ("network", "reduction", "searched, val", "confirmed, val", "optimism", "test"):
        shown.add_column(column, justify="left" if column == "network" else "right", no_wrap=True)
    for row in table:
        points = "" if row.optimism is None else f"{100 * row.optimism:+.2f}"
        searched = "" if row.searched is None else percent(row.searched)
        shown.add_row(row.name, cut(row.reduction), searched, spread(row.validation), points, spread(row.test))
    console().print(shown)
