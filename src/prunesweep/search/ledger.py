"""The trials of a study, shared by all processes that work on it: which process runs which trial, and how each ended.

A trial ends in one of four ways. It is completed and has values. It failed for a reason of its own. It is a duplicate
of another trial and was not run. It was taken back, because the process that ran it died. Completed and failed trials
count towards the total. The combination of a trial that was taken back is run again as a new trial. A duplicate is
replaced by the nearest combination that has not been tried.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from prunesweep.errors import UsageError, printable
from prunesweep.results.objectives import Objective
from prunesweep.search.definition import Definition, differences
from prunesweep.search.evaluation import Outcome
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import Propose
from prunesweep.search.space import Combination, Space, Values
from prunesweep.search.storage import connect, damaged, locked

DEFINITION = "definition"  # attribute of the study
OWNER, OUTCOME, FAILED, DUPLICATE, TAKEN_BACK = "owner", "outcome", "failed", "duplicate_of", "taken_back"
AGAIN, INSTEAD, FIRST = "again_for", "instead_of", "first"  # attributes of trials that no sampler proposed


@dataclass(frozen=True)
class Claim:
    """The trials that this process has to start now.

    Attributes:
        trials: The trials.
        others: Whether other trials are running, here or in other processes.
        left: The number of trials that nobody has started yet.
    """

    trials: list[Trial]
    others: bool
    left: int = 0


def open_study(url: URL, name: str, goals: Sequence[Objective], definition: Definition, heartbeat: float) -> Study:
    """Return the study `name`, which is created if it does not exist.

    Raises:
        UsageError: The database cannot be reached or is damaged, or the study has another definition. The message lists
            what differs.
    """
    with locked(url):
        study, before = _open(url, name, goals, heartbeat)
        if before is None:
            study.set_user_attr(DEFINITION, definition)
            return study
    changes = differences(before, definition)
    if changes:
        raise UsageError(
            f"study={name}: exists with another definition, so its trials cannot be compared with those of this search."
            "\n  "
            + "\n  ".join(map(printable, changes))
            + "\nUndo the change to continue the study, or choose another name: study=NAME."
        )
    return study


def _open(url: URL, name: str, goals: Sequence[Objective], heartbeat: float) -> tuple[Study, Definition | None]:
    """Return the study `name` and its definition, which is None if the study is new."""
    directions = [goal.direction for goal in goals]
    try:
        storage = connect(url, heartbeat)
        study = optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=True)
        before = study.user_attrs.get(DEFINITION)
        sound = [direction.name.lower() for direction in study.directions] == directions
        if before is None:
            sound &= not study.get_trials(deepcopy=False)
        else:
            sound &= isinstance(before, dict) and all(isinstance(part, dict) for part in before.values())
    except (UsageError, SQLAlchemyError, OSError, optuna.exceptions.StorageInternalError):
        raise
    except Exception as error:  # Optuna does not check what it reads
        reason = printable(f"{type(error).__name__}: {error}".partition("\n")[0])
        raise damaged(url, f"study {name} cannot be read ({reason})") from error
    if not sound:
        raise damaged(url, f"study {name} is not the study of a search by prunesweep, or its definition was changed")
    return study, before


@dataclass(frozen=True)
class Ledger:
    """The trials of a study.

    Attributes:
        study: The study in the database.
        url: The database.
        space: The search space.
        total: The number of trials to complete, over all processes and all starts.
        propose: The sampler for each proposal.
        recover: Returns the outcome that a dead process left of a trial.
        owner: This process.
    """

    study: Study
    url: URL
    space: Space
    total: int
    propose: Propose
    recover: Callable[[FrozenTrial], Outcome]
    owner: Owner

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials as the database has them now."""
        with locked(self.url):
            return self.study.get_trials()

    def claim(self, most: int) -> Claim:
        """Take up to `most` new trials for this process, within the total. First takes back trials of dead processes.

        Raises:
            UsageError: The sampler does not propose anything new.
        """
        with locked(self.url):
            self._take_back()
            running = len(self._in(TrialState.RUNNING))
            left = self.total - running - len([trial for trial in self.study.get_trials(False) if counts(trial)])
            claimed: list[Trial] = []
            while len(claimed) < min(most, left) and (trial := self._new()) is not None:
                claimed.append(trial)
            return Claim(claimed, others=running > 0, left=max(0, left - len(claimed)))

    def try_first(self, values: Values) -> None:
        """Queue a combination for the first trial, unless the study has trials already."""
        with locked(self.url):
            if not self.study.get_trials(deepcopy=False):
                self._queue(values, {FIRST: True})

    def holding(self, trials: Iterable[Trial]) -> None:
        """Send heartbeats for `trials` to the database from now on, and for no others."""
        self.owner.holding([trial._trial_id for trial in trials])

    def record(self, number: int, outcome: Outcome) -> None:
        """Record the outcome of trial `number`, unless another process has taken the trial back."""
        with locked(self.url):
            if self._trial(number).state is TrialState.RUNNING:
                self._record(self._trial(number), outcome)

    def _record(self, trial: FrozenTrial, outcome: Outcome) -> None:
        if outcome.reason is not None:
            self._end(trial, TrialState.FAIL, FAILED, outcome.reason)
            return
        runs = {str(seed): values for seed, values in outcome.runs.items()}
        attribute = {"runs": runs, "deviations": outcome.deviations, "noted": outcome.noted}
        self._end(trial, TrialState.COMPLETE, OUTCOME, attribute, outcome.values)

    def _end(
        self, trial: FrozenTrial, state: TrialState, name: str, attribute: Any, values: list[float] | None = None
    ) -> None:
        try:
            self._storage.set_trial_user_attr(trial._trial_id, name, attribute)
            self.study.tell(trial.number, values, state=state)
        except (ValueError, KeyError, optuna.exceptions.OptunaError) as error:  # changed while the search was running
            raise damaged(self.url, f"trial {trial.number} cannot be ended ({printable(str(error))})") from error

    def _trial(self, number: int) -> FrozenTrial:
        trials = self.study.get_trials(deepcopy=False)
        if number >= len(trials) or trials[number].number != number:  # changed while the search was running
            raise damaged(self.url, f"trial {number} is missing")
        return trials[number]

    def _in(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _take_back(self) -> None:
        """End the trials of dead processes: with their outcome if they left one, else to be run again."""
        silent = set(self._storage._get_stale_trial_ids(self.study._study_id))
        queued = {trial.user_attrs.get(AGAIN) for trial in self._in(TrialState.WAITING)}
        for trial in self._in(TrialState.RUNNING):
            if not self.owner.is_dead(trial.user_attrs.get(OWNER), trial._trial_id in silent):
                continue
            outcome = self.recover(trial)
            if outcome.reason is None:
                self._record(trial, outcome)
                continue
            if self.space.is_complete(trial.params) and trial.number not in queued:
                self._queue(trial.params, {AGAIN: trial.number})
            self._end(trial, TrialState.FAIL, TAKEN_BACK, f"its process ended: {trial.user_attrs.get(OWNER)}")

    @property
    def _storage(self) -> RDBStorage:
        return self.study._storage  # type: ignore[return-value]

    def _queue(self, values: Values, attributes: Mapping[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.study.enqueue_trial(dict(values), user_attrs=dict(attributes))

    def _new(self) -> Trial | None:
        """Return a new trial that no other trial equals, or None if all combinations have been tried.

        The caller holds the lock of all processes, so the number of attempts is limited: each attempt takes one queued
        trial, or a duplicate whose substitute is queued for the next attempt.
        """
        for _ in range(len(self._in(TrialState.WAITING)) + 2):
            trials = self.study.get_trials(deepcopy=False)
            tried = self._tried(trials)
            if self.space.size is not None and len(tried) >= self.space.size:
                return None
            trial = self._ask(len([each for each in trials if self._is_proposal(each)]))
            equal = tried.get(self.space.combination(trial.params))
            if equal is None:
                return trial
            if AGAIN not in trial.user_attrs:
                self._queue_substitute(trial, trials, tried.keys())
            self._end(self._trial(trial.number), TrialState.PRUNED, DUPLICATE, equal)
        raise UsageError(
            f"study={self.study.study_name}: every proposal is a combination that has been tried before, and no other "
            "combination is near. Widen the ranges of the search."
        )

    def _ask(self, number: int) -> Trial:
        """Return the next queued trial, or proposal `number` of the sampler. It is marked as owned by this process."""
        self.study.sampler = self.propose(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna warns of heartbeats outside its own loop and of new samplers
            trial = self.study.ask()
            self.space.suggest(trial)
        trial.set_user_attr(OWNER, self.owner.signature)
        self._storage.record_heartbeat(trial._trial_id)
        return trial

    def _queue_substitute(self, trial: Trial, trials: Sequence[FrozenTrial], tried: Set[Combination]) -> None:
        """Queue the nearest combination that has neither been tried nor queued, if there is one."""
        queued = {
            self.space.combination(each.system_attrs["fixed_params"])
            for each in trials
            if each.state is TrialState.WAITING
        }
        substitute = self.space.nearest(trial.params, tried | queued)
        if substitute is not None:
            self._queue(substitute, {INSTEAD: trial.number})

    def _tried(self, trials: Sequence[FrozenTrial]) -> dict[Combination, int]:
        """Return the combinations that are finished or running, each with the number of its trial."""
        return {
            self.space.combination(trial.params): trial.number
            for trial in trials
            if counts(trial) or (trial.state is TrialState.RUNNING and self.space.is_complete(trial.params))
        }

    def _is_proposal(self, trial: FrozenTrial) -> bool:
        """Whether a sampler proposed the combination of `trial`."""
        return not {AGAIN, INSTEAD, FIRST} & trial.user_attrs.keys() and self.space.is_complete(trial.params)


def counts(trial: FrozenTrial) -> bool:
    """Whether `trial` counts towards the total: it is completed, or failed for a reason of its own."""
    return trial.state is TrialState.COMPLETE or has_failed(trial)


def has_failed(trial: FrozenTrial) -> bool:
    """Whether `trial` failed for a reason of its own.

    A process that dies while it records a failure leaves a reason at a trial that is still running, or was taken back.
    """
    return trial.state is TrialState.FAIL and FAILED in trial.user_attrs and TAKEN_BACK not in trial.user_attrs
