"""Train the Pareto set of a search again with new seeds, because the best of many noisy trials looks too good.

A search reports a maximum over noisy values. The optimism of a trial is the validation accuracy that the search
reported minus the mean of new runs that differ only in the seed.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.table import Table

from prunesweep.config import RunConfig
from prunesweep.errors import UsageError, check_range
from prunesweep.experiment.run import Progress, run, silent
from prunesweep.experiment.saved import load_config, save_config
from prunesweep.files import write_atomically
from prunesweep.report.console.terminal import console, cut, percent
from prunesweep.results.result import remove_outputs
from prunesweep.results.run_directory import CONFIG, CONFIRMED, SEARCH_RESULTS, RunDirectory, find_runs, read_run
from prunesweep.store.settings import StoreSettings

TABLE = "confirmed.csv"
OVERRIDES = CONFIG.parent / "overrides.yaml"


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


def confirm(sweep: Path, count: int, progress: Progress = silent, *, trust: bool = False) -> list[Confirmed]:
    """Run the Pareto set of the search in `sweep` again with `count` new seeds.

    Each run has its directory `confirmed/TRIAL/seed=N`. Completed runs with the same configuration are kept.

    Args:
        sweep: The directory of a search.
        count: The number of seeds.
        progress: Shows the progress of a run.
        trust: Whether the configurations may import code that they name.

    Returns:
        The rows of `confirmed.csv`: each distinct dense network, then the trials.

    Raises:
        UsageError: `sweep` does not contain a search with a completed trial, or `count` is below 1.
    """
    check_range("--seeds", count, 1)
    chosen = candidates(sweep, trust=trust)
    seeds = new_seeds(find_runs(sweep), count)
    runs = {
        each.trial: [
            repeat(each, seed, sweep / CONFIRMED / str(each.trial) / f"seed={seed}", progress) for seed in seeds
        ]
        for each in chosen
    }
    table = dense_rows(runs)
    table += [summarise(f"trial {each.trial}", runs[each.trial], "final", each.val_accuracy) for each in chosen]
    write_atomically(sweep / TABLE, as_csv(table).encode())
    return table


def candidates(sweep: Path, *, trust: bool = False) -> list[Candidate]:
    """Return the Pareto set of the search in `sweep`.

    Raises:
        UsageError: There is no search or no completed trial, a trial is not on this machine, or a configuration names
            code without `trust`.
    """
    try:
        results: Any = OmegaConf.to_container(OmegaConf.load(sweep / SEARCH_RESULTS))
    except FileNotFoundError:
        raise UsageError(
            f"{sweep}: does not contain {SEARCH_RESULTS}. Give the directory of a search, such as multirun/NAME."
        ) from None
    if not results.get("pareto"):
        raise UsageError(f"{sweep}: the search has no completed trial.")
    return [_candidate(sweep, each["trial"], each["directory"], trust=trust) for each in results["pareto"]]


def _candidate(sweep: Path, trial: int, directory: str, *, trust: bool) -> Candidate:
    runs = find_runs(sweep / directory)
    if not runs:
        raise UsageError(
            f"{sweep / directory}: does not exist. The directories of trials are on the machine that ran them."
        )
    config, _ = load_config(runs[0], trust=trust)
    return Candidate(
        trial=trial,
        config=replace(config, store=_store(runs[0])),
        overrides=tuple(text for text in runs[0].overrides if not text.startswith("seed=")),
        val_accuracy=statistics.fmean(run.result["final"]["val_accuracy"] for run in runs),
    )


def _store(run: RunDirectory) -> StoreSettings:
    """Return the store of a saved run, which `load_config` leaves out."""
    saved = OmegaConf.select(OmegaConf.load(run.folder / CONFIG), "store", default={})
    store: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(StoreSettings), saved))
    return store  # type: ignore[no-any-return]


def new_seeds(runs: Iterable[RunDirectory], count: int) -> list[int]:
    """Return `count` seeds that none of the completed `runs` of a search used."""
    first = 1 + max(run.result["seed"] for run in runs if run.completed)
    return list(range(first, first + count))


def repeat(candidate: Candidate, seed: int, folder: Path, progress: Progress) -> RunDirectory:
    """Return the completed run of a candidate with another seed in `folder`; run it unless it is there already."""
    config = replace(candidate.config, seed=seed)
    if not _is_completed(folder, config):
        overrides = [*candidate.overrides, f"seed={seed}"]
        remove_outputs(folder)  # `folder` never contains a result of another configuration
        save_config(folder, config)
        write_atomically(folder / OVERRIDES, OmegaConf.to_yaml(OmegaConf.create(overrides)).encode())
        run(config, folder, overrides, progress)
    return read_run(folder)


def _is_completed(folder: Path, config: RunConfig) -> bool:
    path = folder / CONFIG
    same = path.is_file() and OmegaConf.to_container(OmegaConf.load(path)) == asdict(config)
    return same and read_run(folder).completed


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
    columns = ("network", "seeds", "param_reduction", "searched val_accuracy", "val_accuracy", "val_accuracy sd")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, "optimism", "test_accuracy", "test_accuracy sd"])
    for row in table:
        writer.writerow(
            [row.name, row.seeds, row.reduction, row.searched, *row.validation, row.optimism, *row.test]
        )  # fmt: skip
    return text.getvalue()


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
