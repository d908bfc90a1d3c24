"""Successive halving on studies in memory, in which a longer trial of a combination is never worse."""

from collections import Counter
from collections.abc import Sequence

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import IntDistribution
from optuna.samplers import RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from prunesweep.errors import UsageError
from prunesweep.results.objectives import Objective, objective
from prunesweep.search.conditions import Condition
from prunesweep.search.dimensions import Choice, Continuous, Dimension, stepped
from prunesweep.search.halving import Ladder, halving, ladder, new_combination, promotion
from prunesweep.search.ledger import OUTCOME
from prunesweep.search.sampler import Propose, every_combination, sampled
from prunesweep.search.space import Space

GOALS = [objective("val_accuracy"), objective("param_reduction")]
SIZES = stepped("size", 1, 40, 1)
SPACE = Space((SIZES, stepped("epochs", 0, 4, 1)))
RUNGS = ladder(SPACE, "epochs", 2)
NOTED = {"noted": {f"worst {goal.field}": 0.0 for goal in GOALS}}


def trial(size: int, epochs: int, values: Sequence[float] = (), state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    return create_trial(
        state=state,
        values=values or None,
        params={"size": size, "epochs": epochs},
        distributions={"size": IntDistribution(1, 40), "epochs": IntDistribution(0, 4)},
        user_attrs={OUTCOME: NOTED},
    )


def promoted(*trials: FrozenTrial, goals: Sequence[Objective] = GOALS, rungs: Ladder = RUNGS) -> tuple[int, int] | None:
    found = promotion(rungs, trials, goals, rungs.factor)
    return found and (found["size"], found["epochs"])  # type: ignore[return-value]


def propose(seed: int = 0, tpe: bool = False) -> Propose:
    make = (lambda seed: TPESampler(seed=seed, n_startup_trials=3)) if tpe else RandomSampler
    return halving(RUNGS, sampled(make, RUNGS.start, seed), GOALS)


def end(study: Study, asked: Trial) -> None:
    size, epochs = asked.params["size"], asked.params["epochs"]
    asked.set_user_attr(OUTCOME, NOTED)
    study.tell(asked.number, [1 - (size / 50) ** 2 / (epochs + 1), size / 50])


def search(count: int, proposals: Propose, workers: int = 1, study: Study | None = None) -> Study:
    """Run `count` trials. Each ends when `workers` trials are running, the first one first."""
    study = study or optuna.create_study(directions=["maximize", "maximize"])
    running: list[Trial] = []
    for number in range(count):
        study.sampler = proposals(number)
        running.append(study.ask())
        SPACE.suggest(running[-1])
        if len(running) == workers:
            end(study, running.pop(0))
    for asked in running:
        end(study, asked)
    return study


@pytest.mark.parametrize(
    ("dimension", "factor", "rungs"),
    [
        (stepped("epochs", 0, 5, 1), 2, (0, 1, 2, 5)),
        (stepped("epochs", 0, 5, 1), 3, (0, 1, 2, 5)),
        (stepped("epochs", 1, 81, 1), 3, (1, 3, 9, 27, 81)),
        (stepped("epochs", 2, 9, 1), 2, (2, 4, 9)),
        (stepped("epochs", 0, 3, 3), 2, (0, 3)),
        (stepped("epochs", 0.25, 1, 0.25), 2, (0.25, 0.5, 1.0)),
        (Choice("epochs", (5, 0, 1)), 2, (0, 1, 5)),
    ],
)
def test_rungs_are_the_options_of_a_choice_or_fractions_of_the_largest_value(
    dimension: Dimension, factor: int, rungs: tuple[float, ...]
) -> None:
    assert ladder(Space((SIZES, dimension)), "epochs", factor).rungs == rungs


@pytest.mark.parametrize(
    ("dimension", "key", "factor", "message"),
    [
        (stepped("epochs", 0, 4, 1), "epoch", 2, "halving.key=epoch: must be one of size, epochs. Did you mean"),
        (stepped("epochs", 0, 4, 1), "epochs", 1, "halving.factor=1: must be at least 2"),
        (stepped("epochs", 2, 2, 1), "epochs", 2, r"key=epochs: is searched over range\(2,2,step=1\). Halving needs"),
        (stepped("epochs", -2, 2, 1), "epochs", 2, "Halving needs several numbers from 0 on, such as range"),
        (Continuous("epochs", 0.0, 1.0), "epochs", 2, r"is searched over interval\(0,1\)"),
        (Choice("epochs", ("few", "many")), "epochs", 2, r"is searched over choice\(few,many\)"),
        (Choice("epochs", (False, True)), "epochs", 2, r"is searched over choice\(False,True\)"),
    ],
)
def test_a_key_without_rungs_is_refused(dimension: Dimension, key: str, factor: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ladder(Space((SIZES, dimension)), key, factor)


@pytest.mark.parametrize("condition", [("epochs", "kind", "a"), ("kind", "epochs", 1)])
def test_a_key_under_a_condition_is_refused(condition: tuple[str, str, str | int]) -> None:
    child, parent, value = condition
    space = Space.of((Choice("kind", ("a", "b")), Choice("epochs", (1, 2))), {child: Condition(parent, (value,))})
    with pytest.raises(UsageError, match=f"key=epochs: takes part in the condition {child}: {parent}={value}"):
        ladder(space, "epochs", 2)


def test_one_in_two_trials_of_a_rung_is_promoted() -> None:
    first, second, third = trial(1, 0, (0.9, 0.1)), trial(2, 0, (0.5, 0.05)), trial(3, 0, (0.8, 0.3))
    assert promoted(first) is None
    assert promoted(first, second) == (1, 1)
    assert promoted(first, second, trial(1, 1, state=TrialState.RUNNING)) is None
    assert promoted(first, second, third, trial(1, 1, state=TrialState.FAIL)) is None
    fourth = trial(4, 0, (0.1, 0.1))
    assert promoted(first, second, third, fourth, trial(1, 1, state=TrialState.FAIL)) == (3, 1)


def test_the_highest_rung_comes_first() -> None:
    low = [trial(size, 0, (0.5, size / 10)) for size in range(1, 7)]
    high = [trial(1, 1, (0.6, 0.1)), trial(2, 1, (0.6, 0.2))]
    assert promoted(*low, high[0]) == (6, 1)
    assert promoted(*low, *high) == (2, 2)
    assert promoted(*low, *high, trial(2, 2, (0.7, 0.2))) == (6, 1)


def test_trials_that_no_other_dominates_come_first() -> None:
    dominated, best = trial(1, 0, (0.9, 0.5)), trial(2, 0, (0.95, 0.6))
    assert promoted(dominated, best) == (2, 1)
    more = [trial(3, 0, (0.1, 0.05)), trial(4, 0, (0.1, 0.1))]
    assert promoted(dominated, best, *more, trial(2, 1, (1, 0.6))) == (1, 1)


def test_of_equal_rank_the_one_that_adds_most_hypervolume_is_promoted() -> None:
    rung = [trial(1, 0, (0.9, 0.5)), trial(2, 0, (0.89, 0.51)), trial(3, 0, (0.5, 0.9)), trial(4, 0, (0.1, 0.95))]
    assert promoted(*rung) == (2, 1)  # 0.4539 against 0.45, 0.45 and 0.095
    assert promoted(*rung, trial(2, 1, (0.9, 0.51))) == (3, 1)


def test_one_objective_that_is_minimized() -> None:
    goal = objective("val_loss")
    noted = {OUTCOME: {"noted": {f"worst {goal.field}": 2.3}}}
    rung = [trial(size, 0, (loss,)) for size, loss in ((1, 0.5), (2, 0.1), (3, 0.3), (4, 9.0))]
    for each in rung:
        each.user_attrs = noted
    assert promoted(*rung, goals=[goal]) == (2, 1)
    assert promoted(*rung, trial(2, 1, (0.1,)), goals=[goal]) == (3, 1)


def test_a_new_combination_was_not_tried_at_any_rung() -> None:
    tried = [trial(size, 4, (0.5, 0.5)) for size in range(1, 40)]
    new = sampled(RandomSampler, RUNGS.start, 0)
    directions = optuna.create_study(directions=["maximize", "maximize"]).directions
    assert new_combination(RUNGS, tried, new, directions) == {"size": 40, "epochs": 0}
    assert new_combination(RUNGS, [*tried, trial(40, 1, (0.5, 0.5))], new, directions) is None


def test_the_sampler_sees_each_combination_once_at_its_highest_completed_rung() -> None:
    seen: list[dict[int, object]] = []

    class Spy(RandomSampler):
        def sample_independent(self, study, trial, param_name, param_distribution):  # type: ignore[no-untyped-def]
            rows = study.get_trials(deepcopy=False)
            seen.append({each.params["size"]: each.values or each.state.name for each in rows if each.params})
            assert {each.params["epochs"] for each in rows if "epochs" in each.params} <= {0}
            return super().sample_independent(study, trial, param_name, param_distribution)

    trials = [
        trial(1, 1, (0.8, 0.1)),
        trial(1, 0, (0.7, 0.1)),
        trial(1, 2, state=TrialState.RUNNING),
        trial(2, 0, state=TrialState.RUNNING),
        trial(3, 0, state=TrialState.FAIL),
    ]
    directions = optuna.create_study(directions=["maximize", "maximize"]).directions
    new_combination(RUNGS, trials, sampled(Spy, RUNGS.start, 0), directions)
    assert seen[0] == {1: [0.8, 0.1], 2: "RUNNING"}


@pytest.mark.parametrize("tpe", [False, True])
@given(workers=st.integers(1, 5), seed=st.integers(0, 3))
@settings(max_examples=8, deadline=None)
def test_promotions_follow_the_rules_with_any_number_of_workers(tpe: bool, workers: int, seed: int) -> None:
    study = search(40, propose(seed, tpe), workers)
    combinations = [SPACE.combination(each.params) for each in study.trials]
    assert len(set(combinations)) == 40
    for index, each in enumerate(study.trials):
        epochs = each.params["epochs"]
        if epochs > 0:
            before = {1: 0, 2: 1, 4: 2}[epochs]
            assert {"size": each.params["size"], "epochs": before} in [t.params for t in study.trials[:index]]
    rungs = Counter(each.params["epochs"] for each in study.trials)
    assert rungs[0] >= 2 * rungs[1] >= 4 * rungs[2] >= 8 * rungs[4]
    assert rungs[0] <= 2 * rungs[1] + 1 + workers


def test_an_interrupted_search_proposes_what_it_would_have_proposed() -> None:
    whole = search(30, propose(tpe=True))
    begun = search(13, propose(tpe=True))
    continued = search(30 - 13, propose(tpe=True), study=begun)
    assert [each.params for each in continued.trials] == [each.params for each in whole.trials]
    other = search(30, propose(seed=1, tpe=True))
    assert [each.params for each in other.trials] != [each.params for each in whole.trials]


def test_when_no_combination_is_new_all_are_promoted() -> None:
    space = Space((stepped("size", 1, 3, 1), Choice("epochs", (0, 4))))
    rungs = ladder(space, "epochs", 2)
    study = optuna.create_study(directions=["maximize", "maximize"])
    for number in range(6):
        study.sampler = halving(rungs, every_combination(rungs.start, 0), GOALS)(number)
        asked = study.ask()
        space.suggest(asked)
        end(study, asked)
    assert len({space.combination(each.params) for each in study.trials}) == 6
