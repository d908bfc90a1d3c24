"""A search under way: claim trials, launch their runs, read what they came to, and again."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_optuna_sweeper._impl import OptunaSweeperImpl
from omegaconf import DictConfig, OmegaConf, open_dict
from optuna.trial import FrozenTrial, Trial, TrialState

from hydra_plugins.prunesweep_plugins import launching
from hydra_plugins.prunesweep_plugins.search import SearchSettings
from prunesweep.config import RunConfig, build
from prunesweep.errors import UsageError
from prunesweep.files import write_atomically
from prunesweep.search import definition as plan
from prunesweep.search import ledger as ledger
from prunesweep.search import progress as view
from prunesweep.search.evaluation import Outcome, outcome, places
from prunesweep.search.ledger import Ledger, open_study
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import proposer
from prunesweep.search.storage import address, shown

log = logging.getLogger("prunesweep")
TRIALS, RESULTS, MULTIRUN, RUNNING = "trials.csv", "optimization_results.yaml", "multirun.yaml", ".running"
POLL = 1.0  # seconds between looks at a study whose last trials are in other hands


@dataclass(frozen=True)
class Search:
    """A search with all that it was asked for, checked."""

    stock: OptunaSweeperImpl
    settings: SearchSettings
    config: DictConfig
    run: RunConfig
    asked: plan.Asked
    definition: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, stock: OptunaSweeperImpl, settings: SearchSettings, arguments: list[str]) -> Search:
        """Put together what was asked, name the study, and check every key and both ends of every range.

        Raises:
            UsageError: something cannot be; nothing has been written then.
        """
        assert stock.config is not None
        assert stock.hydra_context is not None
        config, loader = stock.config, stock.hydra_context.config_loader
        run = build(config)
        asked = plan.asked(settings.params or {}, arguments, config, loader)
        for overrides in asked.space.corners():
            build(loader.load_sweep_config(config, [*asked.fixed, *overrides]))
        definition = plan.definition(asked, config)
        if run.study is None:
            choice = config.hydra.runtime.choices.get("search", "search")
            run.study = plan.default_name(choice, definition, config.hydra.sweeper.sampler)
            with open_dict(config):
                config.study = run.study  # hydra.sweep.dir names it
        return cls(stock, settings, config, run, asked, definition)

    @property
    def folder(self) -> Path:
        """Where the trials' directories lie."""
        return Path(self.config.hydra.sweep.dir)

    @property
    def seeds(self) -> list[int]:
        """Of the runs of each trial."""
        return [self.run.seed + index for index in range(self.run.search.replicates)]

    @property
    def batch(self) -> int:
        """Trials at once."""
        runs = self.settings.n_jobs or launching.at_once(self.config)
        return max(1, runs // len(self.seeds))

    def go(self) -> None:
        """Search until the total is reached, by this process and others.

        Raises:
            UsageError: the storage cannot be reached, holds another search, or too many trials failed.
        """
        assert self.run.study is not None
        url = address(self.run.search.storage, self.folder)
        study = open_study(url, self.run.study, self.run.search.goals, self.definition, self.run.search.heartbeat)
        self._write_settings()
        log.info("study %s in %s, %s", self.run.study, shown(url), self._told_space())
        with Owner(self.folder / RUNNING, study._storage) as owner:  # type: ignore[arg-type]
            book = Ledger(study, url, self.asked.space, self.settings.n_trials, self._propose, self._recover, owner)
            self._work(book)

    def _told_space(self) -> str:
        size = self.asked.space.size
        return f"{self.settings.n_trials} trials in all" + (f" of {size:,} combinations" if size else "")

    def _propose(self, number: int) -> Any:
        return proposer(self.config.hydra.sweeper.sampler, self.asked.space, number, self.run.seed)

    def _work(self, book: Ledger) -> None:
        started, done = time.monotonic(), 0
        shown: list[FrozenTrial] | None = None
        while True:
            self._check_failures(book.trials)
            claim = book.claim(self.batch)
            if claim.trials:
                with book.working_on(claim.trials):
                    self._launch(claim.trials)
                for trial in claim.trials:
                    book.settle(trial.number, self._outcome(trial.number))
                done += len(claim.trials)
                shown = book.trials
                self._show(shown, (time.monotonic() - started) / done)
            elif claim.others:
                time.sleep(POLL)
            else:
                break
        trials = book.trials
        if trials != shown:  # others did the rest, or all of it was there
            self._show(trials, None)

    def _check_failures(self, trials: Sequence[FrozenTrial]) -> None:
        reasons = [trial.user_attrs[ledger.FAILED] for trial in trials if ledger.FAILED in trial.user_attrs]
        if len(reasons) > self.settings.max_failure_rate * self.settings.n_trials:
            raise UsageError(
                f"{len(reasons)} trials failed, more than hydra.sweeper.max_failure_rate="
                f"{self.settings.max_failure_rate:g} of n_trials={self.settings.n_trials} allows; "
                f"the last: {reasons[-1]}"
            )

    def _launch(self, trials: Sequence[Trial]) -> None:
        """Run all runs of `trials`. Whatever becomes of the launcher, what they came to lies in their directories."""
        jobs = [
            [*self._shared(), *self.asked.space.overrides(trial.params), *own]
            for trial in trials
            for own in self._runs(trial)
        ]
        jobs = [[*job, *launching.device(self.config, index)] for index, job in enumerate(jobs)]
        assert self.stock.launcher is not None
        try:
            self.stock.launcher.launch(jobs, initial_job_idx=trials[0].number)
        except Exception as error:  # a worker that was killed takes its launcher down; the search goes on
            log.warning("The launcher gave up: %s: %s", type(error).__name__, str(error).partition("\n")[0])

    def _shared(self) -> list[str]:
        return [*self.asked.fixed, *launching.share(self.config, self.asked.fixed), f"study={self.run.study}"]

    def _runs(self, trial: Trial) -> list[list[str]]:
        several = len(self.seeds) > 1
        return [
            [*([f"seed={seed}"] if several else []), f"hydra.sweep.subdir='{place}'"]
            for seed, place in places(trial.number, self.seeds).items()
        ]

    def _outcome(self, number: int) -> Outcome:
        return outcome(self.folder, number, self.seeds, self.run.search.goals)

    def _recover(self, number: int) -> Outcome:
        """What a killed process left of trial `number`; unless that is all of it, its remains are cleared away."""
        found = self._outcome(number)
        if found.reason is not None:
            shutil.rmtree(self.folder / str(number), ignore_errors=True)
        return found

    def _show(self, trials: Sequence[FrozenTrial], pace: float | None) -> None:
        """Write the table and the Pareto set as they are, and say where the search stands; `pace`: seconds a trial."""
        goals, total = self.run.search.goals, self.settings.n_trials
        rows = [self._row(trial) for trial in trials]
        name = str(self.run.study)
        write_atomically(self.folder / TRIALS, view.table(rows, goals).encode())
        results = OmegaConf.to_yaml(OmegaConf.create(view.summary(name, rows, total, goals)))
        write_atomically(self.folder / RESULTS, results.encode())
        settled = len([trial for trial in trials if ledger.counts(trial)])
        log.info(view.line(name, rows, total, goals, pace and pace * (total - settled)))

    def _row(self, trial: FrozenTrial) -> view.Row:
        told, came_to = trial.user_attrs, trial.user_attrs.get(ledger.OUTCOME, {})
        status, note = trial.state.name.lower(), ""
        if trial.state is TrialState.COMPLETE:
            status = "completed"
        for key, name in (
            (ledger.FAILED, "failed"),
            (ledger.TAKEN_BACK, "taken back"),
            (ledger.DUPLICATE, "duplicate"),
        ):
            if key in told:
                status, note = name, f"of trial {told[key]}" if key == ledger.DUPLICATE else told[key]
        return view.Row(
            number=trial.number,
            status=status,
            directory=str(trial.number) if status in ("completed", "failed", "running") else "",
            parameters=dict(trial.params),
            values=list(trial.values) if status == "completed" else [],
            deviations=came_to.get("deviations", []),
            runs=came_to.get("runs", {}),
            noted=came_to.get("noted", {}),
            note=note,
            seconds=trial.duration.total_seconds() if trial.duration else None,
        )

    def _write_settings(self) -> None:
        """The configuration that the search started from; a password in the storage's URL stays out of it."""
        text = OmegaConf.to_yaml(self.config)
        storage = self.run.search.storage
        if storage:
            text = text.replace(storage, shown(address(storage, self.folder)))
        write_atomically(self.folder / MULTIRUN, text.encode())
