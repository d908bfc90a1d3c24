"""The loop of a search: claim trials, launch their runs, record the outcomes, write the tables; repeat."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf
from optuna.trial import FrozenTrial, Trial

from prunesweep.errors import UsageError
from prunesweep.files import write_atomically
from prunesweep.results.objectives import SearchSettings
from prunesweep.results.run_directory import SEARCH_RESULTS
from prunesweep.search import progress
from prunesweep.search.definition import Definition
from prunesweep.search.evaluation import Outcome, directories, outcome
from prunesweep.search.ledger import FAILED, Ledger, counts, open_study
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import Propose
from prunesweep.search.space import Space
from prunesweep.search.storage import address, shown

log = logging.getLogger("prunesweep")
TRIALS, CONFIG, RUNNING = "trials.csv", "multirun.yaml", ".running"
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
        batch: The number of trials that this process runs at a time.
        max_failure_rate: The fraction of `total` that may fail before the search stops.
        config: The configuration as YAML, for `multirun.yaml`.
    """

    name: str
    folder: Path
    space: Space
    definition: Definition
    settings: SearchSettings
    seed: int
    total: int
    batch: int
    max_failure_rate: float
    config: str

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs of each trial."""
        return [self.seed + index for index in range(self.settings.replicates)]


@dataclass(frozen=True)
class TrialRun:
    """A run of a trial: its settings as overrides, and its directory below the sweep's."""

    overrides: tuple[str, ...]
    directory: str


Launch = Callable[[Sequence[TrialRun], int], None]
"""Executes runs, the first of which has the given number. Their results are read from their directories."""


def search(spec: SearchSpec, propose: Propose, launch: Launch) -> None:
    """Run trials until `spec.total` is reached, together with all other processes that work on the study.

    Raises:
        UsageError: The database cannot be reached, the study has another definition, or too many trials failed.
    """
    url = address(spec.settings.storage, spec.folder)
    study = open_study(url, spec.name, spec.settings.goals, spec.definition, spec.settings.heartbeat)
    _write_config(spec)
    size = f" of {spec.space.size:,} combinations" if spec.space.size else ""
    log.info("study %s in %s, %s trials in total%s", spec.name, shown(url), spec.total, size)
    with Owner(spec.folder / RUNNING, study._storage) as owner:  # type: ignore[arg-type]
        ledger = Ledger(study, url, spec.space, spec.total, propose, lambda number: _recover(spec, number), owner)
        run_trials(spec, ledger, launch)


def run_trials(spec: SearchSpec, ledger: Ledger, launch: Launch) -> None:
    """Claim and run trials until none are left, and write the tables after each batch."""
    started, done = time.monotonic(), 0
    written: list[FrozenTrial] | None = None
    while True:
        _check_failures(spec, ledger.trials)
        claim = ledger.claim(spec.batch)
        if claim.trials:
            with ledger.working_on(claim.trials):
                _launch(spec, claim.trials, launch)
            for trial in claim.trials:
                ledger.record(trial.number, _outcome(spec, trial.number))
            done += len(claim.trials)
            written = ledger.trials
            write_tables(spec, written, (time.monotonic() - started) / done)
        elif claim.others:
            time.sleep(POLL)
        else:
            break
    trials = ledger.trials
    if trials != written:  # other processes ended trials since, or nothing was left to run
        write_tables(spec, trials, None)


def _check_failures(spec: SearchSpec, trials: Sequence[FrozenTrial]) -> None:
    reasons = [trial.user_attrs[FAILED] for trial in trials if FAILED in trial.user_attrs]
    if len(reasons) > spec.max_failure_rate * spec.total:
        raise UsageError(
            f"{len(reasons)} trials failed, more than hydra.sweeper.max_failure_rate={spec.max_failure_rate:g} "
            f"of n_trials={spec.total} allows; the last: {reasons[-1]}"
        )


def _launch(spec: SearchSpec, trials: Sequence[Trial], launch: Launch) -> None:
    """Launch all runs of `trials`. Errors of the launcher end no search: outcomes are read from the directories."""
    runs = [run for trial in trials for run in trial_runs(spec, trial)]
    try:
        launch(runs, trials[0].number)
    except Exception as error:  # a launcher fails if one of its workers is killed
        log.warning("The launcher failed: %s: %s", type(error).__name__, str(error).partition("\n")[0])


def trial_runs(spec: SearchSpec, trial: Trial) -> list[TrialRun]:
    """Return the runs of `trial`, one per seed."""
    overrides = spec.space.overrides(trial.params)
    several = len(spec.seeds) > 1
    return [
        TrialRun((*overrides, *([f"seed={seed}"] if several else [])), directory)
        for seed, directory in directories(trial.number, spec.seeds).items()
    ]


def _outcome(spec: SearchSpec, number: int) -> Outcome:
    return outcome(spec.folder, number, spec.seeds, spec.settings.goals)


def _recover(spec: SearchSpec, number: int) -> Outcome:
    """Return the outcome that a dead process left of trial `number`. An incomplete trial's directory is removed."""
    found = _outcome(spec, number)
    if found.reason is not None:
        shutil.rmtree(spec.folder / str(number), ignore_errors=True)
    return found


def write_tables(spec: SearchSpec, trials: Sequence[FrozenTrial], pace: float | None) -> None:
    """Write the table of all trials and the Pareto set, and log the progress.

    Args:
        spec: The search.
        trials: All trials of the study.
        pace: Seconds per trial, or None if unknown.
    """
    goals = spec.settings.goals
    rows = [progress.row_of(trial) for trial in trials]
    write_atomically(spec.folder / TRIALS, progress.table(rows, spec.space.keys, goals).encode())
    results = progress.summary(spec.name, rows, spec.total, goals)
    write_atomically(spec.folder / SEARCH_RESULTS, OmegaConf.to_yaml(OmegaConf.create(results)).encode())
    left = spec.total - len([trial for trial in trials if counts(trial)])
    log.info(progress.line(spec.name, rows, spec.total, goals, None if pace is None else pace * left))


def _write_config(spec: SearchSpec) -> None:
    """Write the configuration of the search, without the password in the database's URL."""
    text, storage = spec.config, spec.settings.storage
    if storage:
        text = text.replace(storage, shown(address(storage, spec.folder)))
    write_atomically(spec.folder / CONFIG, text.encode())
