"""The trials of a study: who does which, and how each ended. One total for all processes, however often they start.

A trial is settled once: with values; failed, for a reason of its own; pruned, because it repeats another (a duplicate);
or taken back, when the process that had it died. Completed and failed ones count towards the total. What was taken back
is proposed again as a new trial, and for a duplicate the nearest combination that is new takes its place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.engine import URL

from prunesweep.errors import UsageError
from prunesweep.results.objectives import Objective
from prunesweep.search.dimensions import Value
from prunesweep.search.evaluation import Outcome
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import Exact
from prunesweep.search.space import Space
from prunesweep.search.storage import connect, locked

DEFINITION, FAILED, DUPLICATE, TAKEN_BACK = "definition", "failed", "duplicate_of", "taken_back"
AGAIN, INSTEAD = "again_for", "instead_of"
OWNER, OUTCOME = "owner", "outcome"
Definition = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Claim:
    """What there is to do: the trials that are this process's now; where there are none, whether others are at work."""

    trials: list[Trial]
    others: bool


def open_study(url: URL, name: str, goals: Sequence[Objective], definition: Definition, heartbeat: float) -> Study:
    """The study `name`, begun where there is none yet.

    Raises:
        UsageError: it cannot be reached, or was begun with another `definition`; the message says what differs.
    """
    with locked(url):
        storage = connect(url, heartbeat)
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            directions=[goal.direction for goal in goals],
            load_if_exists=True,
        )
        before = study.user_attrs.get(DEFINITION)
        if before is None:
            study.set_user_attr(DEFINITION, definition)
    changes = differences(before, definition) if before else []
    if changes:
        raise UsageError(
            f"study={name}: was begun as another search, and its trials cannot be compared with this one's.\n  "
            + "\n  ".join(changes)
            + "\nUndo the change to go on, or give the new search a name of its own: study=ANOTHER."
        )
    return study


def differences(before: Definition, now: Definition) -> list[str]:
    """One line for each key of a definition whose value is another now."""
    lines = []
    for part in now:
        old, new = before.get(part, {}), now[part]
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                lines.append(f"{key}: {old.get(key, 'not in it')} -> {new.get(key, 'not in it')}")
    return lines


class Ledger:
    """The trials of `study`, of which `total` are to be settled in all."""

    def __init__(
        self,
        study: Study,
        url: URL,
        space: Space,
        total: int,
        propose: Callable[[int], Exact],
        recover: Callable[[int], Outcome],
        owner: Owner,
    ) -> None:
        self.study = study
        self.url = url
        self.space = space
        self.total = total
        self.propose = propose  # number of a proposal -> who makes it
        self.recover = recover  # trial number -> what a dead process left of it
        self.owner = owner

    @property
    def trials(self) -> list[FrozenTrial]:
        """All of them, as they are in the database now."""
        with locked(self.url):
            return self.study.get_trials()

    def claim(self, most: int) -> Claim:
        """Take up to `most` trials, never more than the total leaves; first those of dead processes are taken back."""
        with locked(self.url):
            self._take_back()
            running = len(self._in(TrialState.RUNNING))
            left = self.total - running - len([trial for trial in self.study.get_trials(False) if counts(trial)])
            taken: list[Trial] = []
            while len(taken) < min(most, left) and (trial := self._new()) is not None:
                taken.append(trial)
            return Claim(taken, others=running > 0)

    @contextmanager
    def working_on(self, trials: Sequence[Trial]) -> Iterator[None]:
        """Within, the database hears that this process is at work on them."""
        with self.owner.holding([trial._trial_id for trial in trials]):
            yield

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record how trial `number` ended, and why where it failed; one that others have taken back stays so."""
        with locked(self.url):
            if self._trial(number).state is TrialState.RUNNING:
                self._settle(self._trial(number), outcome)

    def _settle(self, trial: FrozenTrial, outcome: Outcome) -> None:
        if outcome.reason is not None:
            self._end(trial, TrialState.FAIL, FAILED, outcome.reason)
            return
        runs = {str(seed): values for seed, values in outcome.runs.items()}
        told = {"runs": runs, "deviations": outcome.deviations, "noted": outcome.noted}
        self._end(trial, TrialState.COMPLETE, OUTCOME, told, outcome.values)

    def _end(
        self, trial: FrozenTrial, state: TrialState, key: str, told: Any, values: list[float] | None = None
    ) -> None:
        self._storage.set_trial_user_attr(trial._trial_id, key, told)
        self.study.tell(trial.number, values, state=state)

    def _trial(self, number: int) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False)[number]

    def _in(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _take_back(self) -> None:
        """End the trials of dead processes: with what they came to where that is there, or to be done again."""
        silent = set(self._storage._get_stale_trial_ids(self.study._study_id))
        queued = {trial.user_attrs.get(AGAIN) for trial in self._in(TrialState.WAITING)}
        for trial in self._in(TrialState.RUNNING):
            if not self.owner.is_dead(trial.user_attrs.get(OWNER), trial._trial_id in silent):
                continue
            outcome = self.recover(trial.number)
            if outcome.reason is None:
                self._settle(trial, outcome)
                continue
            if set(trial.params) == set(self.space.keys) and trial.number not in queued:
                self._queue(trial.params, {AGAIN: trial.number})
            self._end(trial, TrialState.FAIL, TAKEN_BACK, f"its process ended: {trial.user_attrs.get(OWNER)}")

    @property
    def _storage(self) -> RDBStorage:
        return self.study._storage  # type: ignore[return-value]

    def _queue(self, values: Mapping[str, Value], told: Mapping[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.study.enqueue_trial(dict(values), user_attrs=dict(told))

    def _new(self) -> Trial | None:
        """A trial that no other one equals; None once there is no combination left."""
        while True:
            trials = self.study.get_trials(deepcopy=False)
            seen = self._seen(trials)
            if self.space.size is not None and len(seen) >= self.space.size:
                return None
            trial = self._ask(len([each for each in trials if proposed(each)]))
            equal = seen.get(self.space.combination(trial.params))
            if equal is None:
                return trial
            if AGAIN not in trial.user_attrs:
                self._queue_nearest(trial, trials, seen.keys())
            self._end(self._trial(trial.number), TrialState.PRUNED, DUPLICATE, equal)

    def _ask(self, number: int) -> Trial:
        """The next trial in the queue, or proposal `number`; signed, so that it can be told whose it is."""
        self.study.sampler = self.propose(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that heartbeats are for another kind of loop, that a sampler is new
            trial = self.study.ask(self.space.distributions)
        trial.set_user_attr(OWNER, self.owner.signature)
        self._storage.record_heartbeat(trial._trial_id)
        return trial

    def _queue_nearest(self, trial: Trial, trials: Sequence[FrozenTrial], seen: Set[tuple[Value, ...]]) -> None:
        """Queue the new combination that differs least from that of `trial`, which is none."""
        queued = {
            self.space.combination(each.system_attrs["fixed_params"])
            for each in trials
            if each.state is TrialState.WAITING
        }
        other = self.space.nearest(trial.params, seen | queued)
        if other is not None:
            self._queue(other, {INSTEAD: trial.number})

    def _seen(self, trials: Sequence[FrozenTrial]) -> dict[tuple[Value, ...], int]:
        """The combinations that are done or under way, each with the trial that has it."""
        return {
            self.space.combination(trial.params): trial.number
            for trial in trials
            if counts(trial) or (trial.state is TrialState.RUNNING and set(trial.params) == set(self.space.keys))
        }


def counts(trial: FrozenTrial) -> bool:
    """Whether it is one of the total: done, or failed for a reason of its own."""
    return trial.state is TrialState.COMPLETE or FAILED in trial.user_attrs


def proposed(trial: FrozenTrial) -> bool:
    """Whether a sampler proposed it, rather than the ledger."""
    return not {AGAIN, INSTEAD} & trial.user_attrs.keys() and bool(trial.params)
