"""Train the best trials of a search again with new seeds, because the best of many noisy trials looks too good.

A search reports a maximum over noisy values. The optimism of a trial is the validation accuracy that the search
reported minus the mean of new runs that differ only in the seed. A trial that was slightly unlucky in the search can be
as good as those of its Pareto set, so all trials whose confidence interval reaches the set are trained again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from prunesweep.config import RunConfig
from prunesweep.errors import UsageError, check_range
from prunesweep.experiment.forecast import forecast
from prunesweep.experiment.run import Progress, run, silent
from prunesweep.experiment.saved import HERE, Files, load_config, save_config
from prunesweep.files import write_atomically
from prunesweep.report.console.plan import line
from prunesweep.results.result import remove_outputs
from prunesweep.results.run_directory import CONFIG, CONFIRMED, RunDirectory, find_runs, read_run
from prunesweep.results.text import counted
from prunesweep.search.candidates import LEVEL, Candidate, Candidates, candidates
from prunesweep.search.confirmed import TABLE, Confirmed, as_csv, rows
from prunesweep.search.saved_trials import check_inside
from prunesweep.store.settings import StoreSettings

OVERRIDES = CONFIG.parent / "overrides.yaml"
UNLIMITED_GB = 1e6  # confirming must not evict entries from the user's store
MAX_PLANNED = 1_000
"""The largest number of runs for which the plan contains steps and time. Each takes about 0.1 s to plan."""


@dataclass(frozen=True)
class Repetition:
    """A trial with a new seed.

    Attributes:
        candidate: The trial.
        seed: The seed.
        folder: The directory of the run.
        completed: Whether it contains the completed run already.
    """

    candidate: Candidate
    seed: int
    folder: Path
    completed: bool

    @property
    def config(self) -> RunConfig:
        """The configuration of the run."""
        return replace(self.candidate.config, seed=self.seed)

    @property
    def here(self) -> RunConfig:
        """The configuration with the user's own store, whose other entries are kept."""
        return replace(self.config, store=StoreSettings(max_gb=UNLIMITED_GB))


@dataclass(frozen=True)
class Plan:
    """What `confirm` will run.

    Attributes:
        sweep: The directory of the search.
        candidates: The trials.
        level: The confidence level of their intervals.
        runs: Each trial with each seed.
    """

    sweep: Path
    candidates: Candidates
    level: float
    runs: list[Repetition]


def plan(
    sweep: Path,
    count: int,
    files: Files = HERE,
    *,
    trust: bool = False,
    level: float = LEVEL,
    most: int | None = None,
) -> Plan:
    """Return what has to be run to confirm the search in `sweep` with `count` new seeds. Nothing is written.

    Each run has its directory `confirmed/TRIAL/seed=N`. Completed runs with the same configuration are kept.

    Args:
        sweep: The directory of a search.
        count: The number of seeds.
        files: Files of this machine that replace those in the configurations.
        trust: Whether the configurations may import code and read files that they name.
        level: The confidence level of the intervals.
        most: The largest number of trials outside of the Pareto set. None for all that reach it.

    Raises:
        UsageError: As in `candidates`, or `count` is below 1.
    """
    check_range("--seeds", count, 1)
    found = candidates(sweep, files, trust=trust, level=level, most=most)
    seeds, runs = new_seeds(find_runs(sweep), count), []
    for each in found.chosen:
        for seed in seeds:
            name = Path(CONFIRMED, str(each.trial), f"seed={seed}")
            check_inside(sweep, name)
            completed = _is_completed(sweep / name, replace(each.config, seed=seed), files, trust=trust)
            runs.append(Repetition(each, seed, sweep / name, completed))
    return Plan(sweep, found, level, runs)


def new_seeds(runs: Iterable[RunDirectory], count: int) -> list[int]:
    """Return `count` seeds that none of the completed `runs` of a search used."""
    first = 1 + max(run.result["seed"] for run in runs if run.completed)
    return list(range(first, first + count))


def describe(plan: Plan) -> Iterator[str]:
    """Yield the lines that describe the plan: the trials, the number of runs, and what the missing ones cost."""
    found = plan.candidates
    others, missing = len(found.chosen) - found.members, [each for each in plan.runs if not each.completed]
    number = f"{others}" if others == found.reaching else f"{_nearest(others)} of {found.reaching}"
    yield (
        f"{counted(len(found.chosen), 'trial')}: {found.members} of the Pareto set, and {number} whose "
        f"{100 * plan.level:g} % interval reaches it"
    )
    if found.absent:
        yield f"{counted(found.absent, 'trial')} on other machines: not considered"
    kept = len(plan.runs) - len(missing)
    yield f"{counted(len(plan.runs), 'run')} with new seeds" + (f", {kept} of them completed" if kept else "")
    if 0 < len(missing) <= MAX_PLANNED:
        yield line(forecast(each.here for each in missing))


def _nearest(count: int) -> str:
    return f"the {count} nearest" if count else "none"


def confirm(plan: Plan, progress: Progress = silent) -> list[Confirmed]:
    """Execute a plan and write `confirmed.csv`.

    Args:
        plan: What to run.
        progress: Shows the progress of a run.

    Returns:
        The rows of the table: each distinct dense network, then the trials.
    """
    runs: dict[int, list[RunDirectory]] = {}
    for each in plan.runs:
        if not each.completed:
            repeat(each, progress)
        runs.setdefault(each.candidate.trial, []).append(read_run(each.folder))
    table = rows(plan.candidates.chosen, runs, plan.candidates.goals)
    write_atomically(plan.sweep / TABLE, as_csv(table).encode())
    return table


def repeat(repetition: Repetition, progress: Progress) -> None:
    """Run a trial with a new seed. Finished steps are stored in the user's own store."""
    folder, overrides = repetition.folder, [*repetition.candidate.overrides, f"seed={repetition.seed}"]
    remove_outputs(folder)  # `folder` never contains a result of another configuration
    save_config(folder, repetition.config)
    write_atomically(folder / OVERRIDES, yaml.safe_dump(overrides).encode())
    run(repetition.here, folder, overrides, progress)


def _is_completed(folder: Path, config: RunConfig, files: Files, *, trust: bool) -> bool:
    found = read_run(folder)
    try:
        return found.completed and load_config(found, files, trust=trust)[0] == config
    except UsageError:
        return False  # an older release had other settings
