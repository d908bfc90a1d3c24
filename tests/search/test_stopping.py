from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from prunesweep.results.objectives import objective
from prunesweep.search.dimensions import Choice, Continuous
from prunesweep.search.ledger import DUPLICATE, FAILED, OUTCOME, TAKEN_BACK
from prunesweep.search.space import Space
from prunesweep.search.stopping import Cause, Limits, all_tried, end, no_progress, too_many_failures

GOALS = [objective("val_accuracy"), objective("param_reduction")]
NOTED = {"worst final.val_accuracy": 0.0, "worst param_reduction": 0.0}
LAYERS = ("all", "conv", "fc", "article")
FOUR = Space((Choice("layers", LAYERS),))


def trial(state: TrialState, layers: str = "all", values: Sequence[float] | None = None, **marks: Any) -> FrozenTrial:
    space = {"layers": CategoricalDistribution(LAYERS)}
    return create_trial(state=state, values=values, params={"layers": layers}, distributions=space, user_attrs=marks)


def complete(accuracy: float, reduction: float, layers: str = "all") -> FrozenTrial:
    return trial(TrialState.COMPLETE, layers, [accuracy, reduction], **{OUTCOME: {"noted": NOTED}})


def failed(reason: str = "no", layers: str = "all") -> FrozenTrial:
    return trial(TrialState.FAIL, layers, **{FAILED: reason})


def study(*trials: FrozenTrial) -> list[FrozenTrial]:
    """Return the trials, numbered in this order."""
    for number, each in enumerate(trials):
        each.number = number
    return list(trials)


RUNNING = trial(TrialState.RUNNING)
TAKEN = trial(TrialState.FAIL, **{TAKEN_BACK: "its process ended"})
DOUBLE = trial(TrialState.PRUNED, **{DUPLICATE: 0})


def test_a_search_within_all_limits_continues() -> None:
    limits = Limits(total=4, max_failure_rate=0.25, timeout=60, patience=2)
    assert end([], 0, limits, FOUR, GOALS) is None
    assert (
        end(study(complete(0.9, 0.1), complete(0.9, 0.1), failed(), RUNNING, TAKEN), 59.9, limits, FOUR, GOALS) is None
    )


@pytest.mark.parametrize(
    ("trials", "limits", "cause", "text"),
    [
        (
            [failed(), failed("late")],
            Limits(4, 0.25),
            Cause.FAILURES,
            "2 trials failed, more than hydra.sweeper.max_failure_rate=0.25 of n_trials=4 allows; the last: late",
        ),
        ([complete(0.9, 0.1), failed()], Limits(2), Cause.TOTAL, "hydra.sweeper.n_trials=2 was reached"),
        ([complete(0.9, 0.1, layers) for layers in LAYERS], Limits(9), Cause.SPACE, "all 4 combinations were tried"),
        (
            [complete(0.9, 0.1), complete(0.8, 0.1)],
            Limits(9, patience=1),
            Cause.PATIENCE,
            "the hypervolume did not improve in 1 completed trial since trial 0 (hydra.sweeper.patience)",
        ),
        ([], Limits(9, timeout=60), Cause.TIMEOUT, "the time limit of 60 s has passed (hydra.sweeper.timeout)"),
    ],
    ids=lambda value: value.name if isinstance(value, Cause) else None,
)
def test_each_limit_ends_the_search_with_its_reason(
    trials: list[FrozenTrial], limits: Limits, cause: Cause, text: str
) -> None:
    ended = end(study(*trials), 60, limits, FOUR, GOALS)
    assert ended is not None
    assert (ended.cause, ended.text) == (cause, text)


def test_the_reason_for_all_processes_comes_before_that_of_this_process() -> None:
    ended = end(study(complete(0.9, 0.1)), 60, Limits(1, timeout=60), FOUR, GOALS)
    assert ended is not None
    assert ended.cause is Cause.TOTAL


@pytest.mark.parametrize(("failures", "ends"), [(0, False), (1, True)])
def test_a_failure_rate_of_zero_ends_the_search_at_the_first_failure(failures: int, ends: bool) -> None:
    trials = study(complete(0.9, 0.1), TAKEN, DOUBLE, *[failed() for _ in range(failures)])
    assert (too_many_failures(trials, Limits(40, max_failure_rate=0)) is not None) == ends


def test_failed_combinations_were_tried_and_those_taken_back_were_not() -> None:
    three = [complete(0.9, 0.1), complete(0.9, 0.2, "conv"), failed(layers="fc")]
    last = {"layers": "article"}
    assert all_tried(study(*three, trial(TrialState.RUNNING, **last)), FOUR) is None
    assert all_tried(study(*three, trial(TrialState.FAIL, **last, **{TAKEN_BACK: "ended"})), FOUR) is None  # type: ignore[arg-type]
    assert all_tried(study(*three, complete(0.1, 0.1, "article")), FOUR) is not None
    assert all_tried(study(*three), Space((Continuous("layers", 0.0, 1.0),))) is None


def test_a_space_of_one_combination() -> None:
    ended = all_tried(study(complete(0.9, 0.1)), Space((Choice("layers", ("all",)),)))
    assert ended is not None
    assert ended.text == "the only combination was tried"


def test_patience_counts_completed_trials_since_the_last_larger_hypervolume() -> None:
    better, same, worse = complete(0.9, 0.5), complete(0.9, 0.1), complete(0.8, 0.1)
    trials = study(complete(0.9, 0.1), same, better, DOUBLE, worse, failed(), TAKEN, same)
    assert no_progress(trials, 3, GOALS) is None
    ended = no_progress(trials, 2, GOALS)
    assert ended is not None
    assert "in 2 completed trials since trial 2" in ended.text
    assert no_progress(trials[:-1], 2, GOALS) is None
    assert no_progress(trials, None, GOALS) is None


def test_a_running_trial_postpones_the_decision_because_it_may_improve() -> None:
    first, same = complete(0.9, 0.1), complete(0.9, 0.1)
    assert no_progress(study(first, RUNNING, same, same), 2, GOALS) is None
    assert no_progress(study(first, complete(0.9, 0.5), same), 2, GOALS) is None
    ended = no_progress(study(first, complete(0.8, 0.1), same), 2, GOALS)
    assert ended is not None
    assert "since trial 0" in ended.text


def test_patience_without_any_hypervolume() -> None:
    ended = no_progress(study(complete(0, 0.5), complete(0.5, 0)), 2, GOALS)
    assert ended is not None
    assert ended.text.startswith("the hypervolume did not improve in 2 completed trials (")


outcomes = st.sampled_from([0.1, 0.5, 0.9])
trials = st.one_of(st.builds(complete, outcomes, outcomes), st.builds(failed), st.just(DOUBLE), st.just(TAKEN))


@given(st.lists(trials, max_size=12), st.lists(st.booleans(), min_size=12, max_size=12), st.integers(1, 4))
def test_a_search_that_patience_ended_stays_ended_whichever_trials_were_still_running(
    settled: list[FrozenTrial], still_running: list[bool], patience: int
) -> None:
    whole = study(*settled)
    earlier = [RUNNING if late else each for each, late in zip(whole, still_running, strict=False)]
    before, after = no_progress(earlier, patience, GOALS), no_progress(whole, patience, GOALS)
    assert before is None or before == after
