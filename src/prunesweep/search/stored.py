"""Check what a database contains before a search continues: it may have been damaged, edited or written by others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL

from prunesweep.errors import printable
from prunesweep.results.objectives import Objective
from prunesweep.search.evaluation import NOTED
from prunesweep.search.ledger import DUPLICATE, FAILED, OUTCOME, OWNER, TAKEN_BACK
from prunesweep.search.space import Space
from prunesweep.search.storage import damaged, locked


def check_study(study: Study, url: URL, space: Space, goals: Sequence[Objective]) -> None:
    """Check that each trial of `study` has everything that the search reads.

    Raises:
        UsageError: A trial cannot be used. The message names the database and the trial.
    """
    with locked(url):
        try:
            trials = study.get_trials(deepcopy=False)
        except Exception:  # Optuna does not check what it reads
            _refuse_unreadable(study, url)
    for number, trial in enumerate(trials):
        if trial.number != number:
            raise damaged(url, f"trial {number} is missing")
        fault = next(_faults(trial, space, goals), None)
        if fault is not None:
            raise damaged(url, f"trial {number} {fault}")


def _refuse_unreadable(study: Study, url: URL) -> NoReturn:
    """Raise the error of the first trial of `study` that cannot be read alone."""
    storage = study._storage
    for number in itertools.count():
        try:
            trial = storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
        except KeyError:
            raise damaged(url, f"trial {number} is missing") from None
        try:
            storage.get_trial(trial)
        except Exception as error:
            reason = printable(f"{type(error).__name__}: {error}".partition("\n")[0])
            raise damaged(url, f"trial {number} cannot be read: {reason}") from error
    raise AssertionError


def _faults(trial: FrozenTrial, space: Space, goals: Sequence[Objective]) -> Iterator[str]:
    """Yield what is wrong with `trial`."""
    attributes = trial.user_attrs
    if not isinstance(attributes.get(OWNER, ""), str):
        yield "has an owner that is not a text"
    if trial.state is TrialState.COMPLETE:
        if not _are_numbers(trial.values, len(goals)):
            yield f"is complete, but does not have {len(goals)} values"
        if not _is_outcome(attributes.get(OUTCOME), goals):
            yield "is complete, but does not have an outcome"
    if trial.state is TrialState.WAITING:
        fixed = trial.system_attrs.get("fixed_params")
        if not isinstance(fixed, dict) or not space.is_complete(fixed):
            yield f"is queued without values of the searched keys {', '.join(space.keys)}"
    elif (trial.state is TrialState.COMPLETE or FAILED in attributes) and not space.is_complete(trial.params):
        yield f"does not have values of the searched keys {', '.join(space.keys)}"
    marks = {FAILED: str, TAKEN_BACK: str, DUPLICATE: int}
    for mark, kind in marks.items():
        if mark in attributes and not isinstance(attributes[mark], kind):
            yield f"has an attribute {mark} that is not a {kind.__name__}"
    if trial.state in (TrialState.FAIL, TrialState.PRUNED) and not marks.keys() & attributes.keys():
        yield "has ended without a reason"


def _is_outcome(attribute: Any, goals: Sequence[Objective]) -> bool:
    """Whether the attribute of a trial contains what `Outcome` describes."""
    if not isinstance(attribute, dict):
        return False
    runs, noted = attribute.get("runs"), attribute.get("noted")
    return (
        _are_numbers(attribute.get("deviations"), len(goals))
        and isinstance(runs, dict)
        and all(_are_numbers(values, len(goals)) for values in runs.values())
        and isinstance(noted, dict)
        and all(_is_number(noted.get(name)) for name in (*NOTED, *(f"worst {goal.field}" for goal in goals)))
    )


def _are_numbers(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(map(_is_number, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
