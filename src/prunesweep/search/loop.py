"""The loop of a search: claim trials, launch their runs, record the outcomes, write the tables; repeat."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from optuna.trial import FrozenTrial, Trial
from sqlalchemy.engine import URL

from prunesweep.errors import UsageError
from prunesweep.files import write_atomically
from prunesweep.results.objectives import SearchSettings
from prunesweep.results.run_directory import SEARCH_RESULTS, TRIALS, run_folders
from prunesweep.search import progress
from prunesweep.search.definition import Definition
from prunesweep.search.evaluation import Outcome, TrialRun, has_settings, outcome
from prunesweep.search.executing import Executor
from prunesweep.search.ledger import Ledger, counts, open_study
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import Propose
from prunesweep.search.space import Space
from prunesweep.search.stopping import Cause, End, Limits, end
from prunesweep.search.storage import address, shown
from prunesweep.search.stored import check_study
from prunesweep.search.sweep_directory import Sweep, before_the_first_run, check_directory, claim, remove_run
from prunesweep.search.warm_start import WarmStart

log = logging.getLogger("prunesweep")
CONFIG, RUNNING = "multirun.yaml", ".running"
LOG_EVERY = 30.0
"""Seconds between two lines of progress."""
POLL = 1.0  # seconds between looks at a study whose last trials other processes are running


@dataclass(frozen=True)
class SearchSpec:
    """A search with all its settings resolved and checked.

    Attributes:
        name: The name of the study.
        folder: The directory of the sweep.
        space: The search space.
        definition: What all trials of the study have in common.
        settings: The section `search` of the configuration: objectives, seeds per trial, and the database.
        seed: The seed of the first run of each trial.
        total: The number of trials, over all processes and all starts.
        max_failure_rate: The fraction of `total` that may fail before the search ends.
        config: The configuration as YAML, for `multirun.yaml`.
        arguments: The arguments of the command line that started the search, without passwords.
        timeout: Seconds after which this process starts no more trials, or None.
        patience: The number of completed trials without a larger hypervolume that ends the search, or None.
    """

    name: str
    folder: Path
    space: Space
    definition: Definition
    settings: SearchSettings
    seed: int
    total: int
    max_failure_rate: float
    config: str
    arguments: tuple[str, ...] = ()
    timeout: float | None = None
    patience: int | None = None

    @property
    def limits(self) -> Limits:
        """When the search ends."""
        return Limits(self.total, self.max_failure_rate, self.timeout, self.patience)

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs of each trial."""
        return [self.seed + index for index in range(self.settings.replicates)]


Settings = Callable[[TrialRun], Mapping[str, Any]]
"""Returns the complete settings of a run, nested, as they are saved in its directory."""


def search(
    spec: SearchSpec, propose: Propose, executor: Executor, settings: Settings, warm: WarmStart | None = None
) -> None:
    """Run trials until a limit of `spec` is reached, together with all other processes that work on the study.

    A new study begins with the trial of `warm`, if there is one.

    Raises:
        UsageError: The directory belongs to another sweep, the database cannot be reached or is damaged, the study has
            another definition, or too many trials failed.
    """
    url = address(spec.settings.storage, spec.folder)
    with before_the_first_run():
        sweep = _sweep(spec, url)
        check_directory(spec.folder, sweep)
        study = open_study(url, spec.name, spec.settings.goals, spec.definition, spec.settings.heartbeat)
        check_study(study, url, spec.space, spec.settings.goals)
        claim(spec.folder, sweep)
    _write_config(spec)
    size = f" of {spec.space.size:,} combinations" if spec.space.size else ""
    log.info("study %s in %s, %s trials in total%s", spec.name, shown(url), spec.total, size)
    earlier = 0 if study.get_trials(deepcopy=False) else len(_trial_directories(spec.folder))
    if earlier:
        log.warning(
            "study %s has no trials: starting a new search; %s trial directories of an earlier search are there. A "
            "trial with the same number replaces the runs in such a directory.",
            spec.name,
            earlier,
        )
    with Owner(spec.folder / RUNNING, study._storage) as owner:  # type: ignore[arg-type]

        def recover(trial: FrozenTrial) -> Outcome:
            return _recover(spec, trial, settings)

        ledger = Ledger(study, url, spec.space, spec.total, propose, recover, owner)
        try:
            if warm is not None and not ledger.trials:
                ledger.try_first(warm.values(spec.folder, executor))
            run_trials(spec, ledger, executor)
        except KeyboardInterrupt:
            write_tables(spec, ledger.trials, None)
            raise


def _sweep(spec: SearchSpec, url: URL) -> Sweep:
    """Return what identifies the search in its directory. Another database numbers its trials independently."""
    storage = "" if spec.settings.storage is None else shown(url)
    this = {"sweeper": "search", "study": spec.name, "search.storage": storage}
    return Sweep({"sweep": this, **spec.definition}, {}, spec.arguments)


def _trial_directories(folder: Path) -> set[str]:
    """Return the names of the directories of trials with runs."""
    return {first for run in run_folders(folder) if (first := run.partition("/")[0]).isdecimal()}


def run_trials(spec: SearchSpec, ledger: Ledger, executor: Executor) -> None:
    """Claim trials while runs can be started, until the search ends. A trial that has ended is replaced at once.

    Raises:
        UsageError: Too many trials failed.
    """
    watch, waiting = Watch(is_silent=executor.shows_progress), False
    active: dict[int, Trial] = {}
    open_runs: dict[str, int] = {}  # directory of each run that has not ended -> its trial
    while True:
        ended = _end(spec, ledger.trials, watch.started)
        claim = ledger.claim(0 if ended else ceil(executor.free / len(spec.seeds)))
        if claim.trials:
            started = {trial.number: trial_runs(spec, trial) for trial in claim.trials}
            active |= {trial.number: trial for trial in claim.trials}
            for number, runs in started.items():
                _clear(spec, runs)
                open_runs |= {run.directory: number for run in runs}
            executor.start(started, claim.left * len(spec.seeds))
        if active:
            ledger.holding(active.values())
            for directory in executor.wait():
                del open_runs[directory]
            done = [trial for number, trial in active.items() if number not in open_runs.values()]
            for trial in done:
                ledger.record(active.pop(trial.number).number, _outcome(spec, trial))
            ledger.holding(active.values())
            if done:
                watch.done += len(done)
                write_tables(spec, ledger.trials, watch)
        elif claim.others and not (ended and ended.cause is Cause.TIMEOUT):
            if not waiting:
                log.info("%s: waiting for trials that other processes are running", spec.name)
            waiting = True
            time.sleep(POLL)
        else:
            break
    trials = ledger.trials
    write_tables(spec, trials, None)
    _conclude(spec, trials, _end(spec, trials, watch.started))


@dataclass
class Watch:
    """The time and the trials of this process.

    Attributes:
        is_silent: Whether no lines of progress are logged before the end.
        started: The time at which it started.
        done: The number of trials that it has run.
        logged: The time of the last line of progress. The first one is due some time after the start.
    """

    is_silent: bool = False
    started: float = field(default_factory=lambda: time.monotonic())
    done: int = 0
    logged: float = field(default_factory=lambda: time.monotonic())

    @property
    def pace(self) -> float:
        """Seconds per trial."""
        return (time.monotonic() - self.started) / self.done

    def is_due(self) -> bool:
        """Return whether a line of progress is due, and assume that it is logged."""
        now = time.monotonic()
        if self.is_silent or now < self.logged + LOG_EVERY:
            return False
        self.logged = now
        return True


def _end(spec: SearchSpec, trials: Sequence[FrozenTrial], started: float) -> End | None:
    """Return why the search starts no more trials, or None. `started` is the time at which this process began."""
    return end(trials, time.monotonic() - started, spec.limits, spec.space, spec.settings.goals)


def _conclude(spec: SearchSpec, trials: Sequence[FrozenTrial], ended: End | None) -> None:
    """Record and log why the search ended.

    Raises:
        UsageError: Too many trials failed.
    """
    if ended is None:
        return
    _write_results(spec, [progress.row_of(trial) for trial in trials], ended)
    if ended.cause is Cause.FAILURES:
        raise UsageError(ended.text)
    log.info("%s: ended after %s trials: %s", spec.name, sum(map(counts, trials)), ended.text)


def _clear(spec: SearchSpec, runs: Sequence[TrialRun]) -> None:
    """Clear the directories of runs. If the database of an earlier search was lost, they contain its runs."""
    for run in runs:
        remove_run(spec.folder / run.directory)


def trial_runs(spec: SearchSpec, trial: Trial | FrozenTrial) -> list[TrialRun]:
    """Return the runs of `trial`, one per seed, in the directory `17`, or `17/seed=3` for several seeds."""
    overrides, seeds = spec.space.overrides(trial.params), spec.seeds
    if len(seeds) == 1:
        return [TrialRun(spec.seed, tuple(overrides), str(trial.number))]
    return [TrialRun(seed, (*overrides, f"seed={seed}"), f"{trial.number}/seed={seed}") for seed in seeds]


def _outcome(spec: SearchSpec, trial: Trial | FrozenTrial) -> Outcome:
    return outcome(spec.folder, trial_runs(spec, trial), spec.settings.goals)


def _recover(spec: SearchSpec, trial: FrozenTrial, settings: Settings) -> Outcome:
    """Return the outcome that a dead process left of `trial`.

    A result is accepted only if all settings that its run saved are those of the trial. Otherwise the directories are
    cleared.
    """
    runs, left = trial_runs(spec, trial), _outcome(spec, trial)
    if left.reason is None and not all(has_settings(spec.folder / run.directory, settings(run)) for run in runs):
        left = Outcome({}, {}, "its directory contains the result of other settings")
    if left.reason is not None:
        for run in runs:
            remove_run(spec.folder / run.directory)
    return left


def write_tables(spec: SearchSpec, trials: Sequence[FrozenTrial], watch: Watch | None) -> None:
    """Write the table of all trials and the Pareto set, and log the progress from time to time.

    Args:
        spec: The search.
        trials: All trials of the study.
        watch: The time of this process, or None at the end, when the progress is logged in any case.
    """
    goals = spec.settings.goals
    rows = [progress.row_of(trial) for trial in trials]
    write_atomically(spec.folder / TRIALS, progress.table(rows, spec.space.keys, goals).encode())
    _write_results(spec, rows, None)
    if watch is None or watch.is_due():
        left = min(spec.total, spec.space.size or spec.total) - sum(map(counts, trials))
        log.info(progress.line(spec.name, rows, spec.total, goals, watch.pace * left if watch else None))


def _write_results(spec: SearchSpec, rows: Sequence[progress.Row], ended: End | None) -> None:
    text = None if ended is None else ended.text
    results = progress.summary(spec.name, rows, spec.total, spec.settings.goals, text)
    write_atomically(spec.folder / SEARCH_RESULTS, OmegaConf.to_yaml(OmegaConf.create(results)).encode())


def _write_config(spec: SearchSpec) -> None:
    """Write the configuration of the search, without the password in the database's URL."""
    text, storage = spec.config, spec.settings.storage
    if storage:
        text = text.replace(storage, shown(address(storage, spec.folder)))
    write_atomically(spec.folder / CONFIG, text.encode())
