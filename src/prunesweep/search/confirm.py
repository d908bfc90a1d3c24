"""A search's Pareto set trained again on fresh seeds: the best of many noisy trials looks better than it is.

What the search reports of its best trials is a maximum over noise. Here each is run with seeds that the search has not
seen; its optimism is what the search reported minus the mean of those runs, on the same validation split.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from prunesweep.config import RunConfig, build
from prunesweep.errors import UsageError
from prunesweep.experiment.run import run
from prunesweep.files import write_atomically
from prunesweep.report.console.terminal import console, cut, percent
from prunesweep.results.result import Result
from prunesweep.results.run_directory import read_result
from prunesweep.results.tables import flat

RESULTS = "optimization_results.yaml"
FOLDER, TABLE = "confirmed", "confirmed.csv"


@dataclass(frozen=True)
class Candidate:
    """A trial of the Pareto set: its directory, its settings, and what the search says it is worth."""

    trial: int
    config: RunConfig
    values: dict[str, float]


@dataclass(frozen=True)
class Confirmed:
    """A network over fresh seeds, accuracies as fractions.

    Attributes:
        name: `trial 17`, or `dense`.
        searched: validation accuracy as the search reported it; None for the dense network.
        reduction: the part of all parameters that is pruned.
    """

    name: str
    seeds: int
    reduction: float
    searched: float | None
    validation: tuple[float, float]
    test: tuple[float, float]

    @property
    def optimism(self) -> float | None:
        """By how much the search thought too well of it."""
        return None if self.searched is None else self.searched - self.validation[0]


def candidates(sweep: Path) -> list[Candidate]:
    """The Pareto set of the search in `sweep`.

    Raises:
        UsageError: there is no search, or no completed trial in it.
    """
    try:
        found: Any = OmegaConf.to_container(OmegaConf.load(sweep / RESULTS))
    except FileNotFoundError:
        raise UsageError(f"{sweep}: holds no {RESULTS}. Give the directory of a search, like multirun/NAME.") from None
    if not found.get("pareto"):
        raise UsageError(f"{sweep}: its search has no completed trial.")
    return [_candidate(sweep, each) for each in found["pareto"]]


def _candidate(sweep: Path, found: dict[str, Any]) -> Candidate:
    runs = sorted((sweep / found["directory"]).glob("**/.hydra/config.yaml"))
    if not runs:
        raise UsageError(
            f"{sweep / found['directory']}: is not here. Trials of other machines lie in their own sweeps."
        )
    config = OmegaConf.load(runs[0])
    assert isinstance(config, DictConfig)
    results = [flat(read_result(run.parent.parent)) for run in runs]
    accuracy = statistics.fmean(result["final.val_accuracy"] for result in results)
    return Candidate(found["trial"], build(config), {**found["values"], "final.val_accuracy": accuracy})


def fresh(candidates: Iterable[Candidate], count: int) -> list[int]:
    """So many seeds that no trial has seen."""
    first = max(candidate.config.seed + candidate.config.search.replicates for candidate in candidates)
    return list(range(first, first + count))


def confirm(sweep: Path, count: int) -> list[Confirmed]:
    """Run the Pareto set of `sweep` again with `count` fresh seeds; each run leaves its result below `confirmed/`."""
    if count < 1:
        raise UsageError(f"--seeds {count}: must be at least 1.")
    found = candidates(sweep)
    seeds = fresh(found, count)
    confirmed: list[Confirmed] = []
    dense: list[Result] = []
    for candidate in found:
        results = []
        for seed in seeds:
            folder = sweep / FOLDER / str(candidate.trial) / f"seed={seed}"
            results.append(run(replace(candidate.config, seed=seed), folder))
        dense = dense or results
        confirmed.append(
            over_seeds(f"trial {candidate.trial}", results, "final", candidate.values["final.val_accuracy"])
        )
    table = [over_seeds("dense", dense, "dense", None), *confirmed]
    write_atomically(sweep / TABLE, as_csv(table).encode())
    return table


def over_seeds(name: str, results: Sequence[Result], point: str, searched: float | None) -> Confirmed:
    """What `results`, one for each seed, come to at `point` (`dense` or `final`)."""

    def spread(score: str) -> tuple[float, float]:
        values = [getattr(result, point)[score] for result in results]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0

    reduction = statistics.fmean(result.param_reduction for result in results) if point == "final" else 0.0
    return Confirmed(name, len(results), reduction, searched, spread("val_accuracy"), spread("test_accuracy"))


def as_csv(table: Iterable[Confirmed]) -> str:
    """One row a network."""
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
    """Print it, in percent."""

    def spread(pair: tuple[float, float]) -> str:
        return f"{100 * pair[0]:.2f} ± {100 * pair[1]:.2f} %"

    shown = Table(caption=f"mean ± sd of {table[0].seeds} fresh seeds", caption_justify="left")
    for column in ("network", "reduction", "searched, val", "confirmed, val", "optimism", "test"):
        shown.add_column(column, justify="left" if column == "network" else "right", no_wrap=True)
    for row in table:
        points = "" if row.optimism is None else f"{100 * row.optimism:+.2f}"
        searched = "" if row.searched is None else percent(row.searched)
        shown.add_row(row.name, cut(row.reduction), searched, spread(row.validation), points, spread(row.test))
    console().print(shown)
