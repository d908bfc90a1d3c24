"""Studies in real SQLite files. A process that dies is simulated by an owner that releases its lock."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from prunesweep.errors import UsageError
from prunesweep.results.objectives import objective
from prunesweep.search.conditions import Condition
from prunesweep.search.dimensions import Choice, Continuous, stepped
from prunesweep.search.evaluation import Outcome
from prunesweep.search.ledger import DUPLICATE, FAILED, INSTEAD, TAKEN_BACK, Claim, Ledger, open_study
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import Propose, every_combination, fixed, sampled
from prunesweep.search.space import Combination, Space
from prunesweep.search.storage import address

GOALS = [objective("val_accuracy"), objective("param_reduction")]
SPACE = Space((Choice("layers", ("all", "fc")), stepped("epochs", 1, 5, 1)))
SCHEDULES = Space.of(
    (
        Choice("schedule", ("one_shot", "iterative", "lottery")),
        stepped("epochs", 1, 2, 1),
        stepped("rounds", 4, 5, 1),
    ),
    {
        "epochs": Condition("schedule", ("one_shot", "iterative")),
        "rounds": Condition("schedule", ("iterative", "lottery")),
    },
)
DEFINITION = {"space": {"layers": "choice(all,fc)"}, "settings": {"dataset.name": "mnist5k"}}
LOST = Outcome({}, {}, "there is no result")

SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=3),
    "random": RandomSampler,
    "nsgaii": lambda seed: NSGAIISampler(seed=seed, population_size=3),
    "qmc": lambda seed: QMCSampler(seed=seed, warn_independent_sampling=False),
    "gp": lambda seed: GPSampler(seed=seed, n_startup_trials=3, warn_independent_sampling=False),
}

Open = Callable[..., Ledger]


def proposals(sampler: str, space: Space) -> Propose:
    return every_combination(space, 0) if sampler == "grid" else sampled(SAMPLERS[sampler], space, seed=0)


def outcome(trial: Trial) -> Outcome:
    fraction = trial.params.get("epochs", 2) / 5
    return Outcome({0: [fraction, 1 - fraction]}, {})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Open]:
    """Opens the study as another process."""
    owners: list[Owner] = []

    def make(
        total: int = 6,
        space: Space = SPACE,
        propose: Propose | None = None,
        left: Outcome = LOST,
    ) -> Ledger:
        url = address(None, tmp_path)
        study = open_study(url, "s", GOALS, DEFINITION, heartbeat=60)
        owner = Owner(tmp_path / ".running", study._storage)  # type: ignore[arg-type]
        owner.__enter__()
        owners.append(owner)
        return Ledger(study, url, space, total, propose or proposals("random", space), lambda trial: left, owner)

    yield make
    for owner in owners:
        owner.__exit__(None, None, None)


def die(book: Ledger) -> None:
    book.owner.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    book.owner.__exit__ = lambda *_: None  # type: ignore[method-assign]


def finish(book: Ledger) -> list[Combination]:
    """Run all remaining trials one by one. Returns their combinations in order."""
    done = []
    while trials := book.claim(1).trials:
        book.record(trials[0].number, outcome(trials[0]))
        done.append(book.space.combination(trials[0].params))
    return done


def statuses(book: Ledger) -> list[str]:
    return [trial.state.name for trial in book.trials]


def duplicates(book: Ledger) -> int:
    return statuses(book).count("PRUNED")


def test_no_combination_is_run_twice_and_duplicates_are_recorded(ledger: Open) -> None:
    book = ledger(total=100)
    done = finish(book)
    assert len(done) == len(set(done)) == SPACE.size == 10, "ends when every combination is done"
    duplicates = [trial for trial in book.trials if trial.state is TrialState.PRUNED]
    assert duplicates, "ten random draws of ten combinations contain repetitions"
    for trial in duplicates:
        equal = book.trials[trial.user_attrs[DUPLICATE]]
        assert equal.params == trial.params
        assert trial.values is None


def test_the_total_is_over_all_starts(ledger: Open) -> None:
    first = finish(ledger(total=3))
    again = finish(ledger(total=6))
    assert (len(first), len(again)) == (3, 3)
    assert finish(ledger(total=6)) == []
    assert not set(first) & set(again)


def test_processes_share_the_total(ledger: Open) -> None:
    one, other = ledger(total=3), ledger(total=3)
    mine, theirs = one.claim(2).trials, other.claim(2).trials
    assert (len(mine), len(theirs)) == (2, 1)
    assert one.claim(2) == Claim([], others=True), "trials of a living process are left alone"
    for book, trials in ((one, mine), (other, theirs)):
        for trial in trials:
            book.record(trial.number, outcome(trial))
    assert one.claim(2) == Claim([], others=False)
    assert statuses(one) == ["COMPLETE"] * 3


def test_trials_of_a_dead_process_are_run_again(ledger: Open) -> None:
    dead = ledger()
    taken = dead.claim(1).trials
    dead.record(taken[0].number, outcome(taken[0]))
    lost = dead.claim(2).trials
    die(dead)
    book = ledger()
    done = finish(book)
    assert done[:2] == [SPACE.combination(trial.params) for trial in lost], "lost trials come first"
    assert [trial.user_attrs.get(TAKEN_BACK, "") != "" for trial in book.trials][:3] == [False, True, True]
    assert statuses(book).count("COMPLETE") == 6


def test_the_outcome_that_a_dead_process_left_is_used(ledger: Open) -> None:
    dead = ledger()
    dead.claim(1)
    die(dead)
    book = ledger(left=Outcome({0: [0.5, 0.5]}, {}))
    assert len(finish(book)) == 5
    assert book.trials[0].values == [0.5, 0.5]


def test_a_trial_that_was_taken_back_is_not_recorded_by_its_first_owner(ledger: Open) -> None:
    late = ledger()
    (trial,) = late.claim(1).trials
    die(late)
    book = ledger()
    book.claim(1)
    late.record(trial.number, outcome(trial))
    assert book.trials[trial.number].state is TrialState.FAIL


def test_a_failed_trial_counts_and_its_reason_is_recorded(ledger: Open) -> None:
    book = ledger(total=2)
    (trial,) = book.claim(1).trials
    book.record(trial.number, Outcome({}, {}, "training diverged"))
    assert len(finish(book)) == 1
    assert book.trials[0].user_attrs[FAILED] == "training diverged"
    assert statuses(book) == ["FAIL", "COMPLETE"]


@pytest.mark.parametrize("space", [SPACE, SCHEDULES], ids=["plain", "with conditions"])
@pytest.mark.parametrize("sampler", [*SAMPLERS, "grid"])
def test_every_sampler_proposes_new_combinations_also_after_a_restart(sampler: str, space: Space, ledger: Open) -> None:
    first = finish(ledger(total=2, space=space, propose=proposals(sampler, space)))
    again = finish(ledger(total=4, space=space, propose=proposals(sampler, space)))
    everything = {space.combination(space.at(index)) for index in range(space.size or 0)}
    assert len({*first, *again}) == 4
    assert {*first, *again} <= everything
    assert all(isinstance(dict(values).get("epochs", 1), int) for values in (*first, *again))


def test_the_grid_needs_no_substitutes(ledger: Open) -> None:
    book = ledger(total=100, space=SCHEDULES, propose=proposals("grid", SCHEDULES))
    assert len(finish(book)) == SCHEDULES.size
    assert duplicates(book) == 0


def test_a_random_search_with_conditions_ends_with_every_distinct_combination(ledger: Open) -> None:
    book = ledger(total=100, space=SCHEDULES)
    done = finish(book)
    assert len(done) == len(set(done)) == SCHEDULES.size == 8
    assert all(("epochs" in dict(values)) == (dict(values)["schedule"] != "lottery") for values in done)


def test_a_lost_trial_with_conditions_is_run_again_with_the_same_keys(ledger: Open) -> None:
    lottery = {"schedule": "lottery", "rounds": 4}
    dead = ledger(space=SCHEDULES, propose=lambda number: fixed(lottery))
    dead.claim(1)
    die(dead)
    (again,) = ledger(space=SCHEDULES).claim(1).trials
    assert again.params == lottery


class Stuck(Exception):
    """Too many proposals for one trial."""


def repeating(values: dict[str, object], most: int) -> Propose:
    """A sampler that has converged: it proposes the same combination again and again."""
    numbers: list[int] = []

    def propose(number: int) -> BaseSampler:
        numbers.append(number)
        if len(numbers) > most:
            raise Stuck
        return fixed(values)  # type: ignore[arg-type]

    return propose


@pytest.mark.parametrize(
    "space",
    [
        Space(tuple(stepped(f"layer{number}", 1, 100, 1) for number in range(3))),
        Space((Continuous("layer0", 0.0, 100.0), stepped("layer1", 1, 100, 1), stepped("layer2", 1, 100, 1))),
    ],
    ids=["a million combinations", "an interval"],
)
def test_duplicates_in_a_large_space_are_replaced_by_near_combinations(space: Space, ledger: Open) -> None:
    values = {"layer0": 50, "layer1": 50, "layer2": 50}
    book = ledger(total=5, space=space, propose=repeating(values, most=10))
    done = finish(book)
    assert len(set(done)) == 5
    assert all(space.distance(values, dict(combination)) < 0.03 for combination in done)
    assert [INSTEAD in trial.user_attrs for trial in book.trials if trial.state is TrialState.COMPLETE] == [
        False,
        *[True] * 4,
    ]


def test_the_lock_is_released_with_a_message_if_no_proposal_is_new(ledger: Open) -> None:
    tiny = Space((Continuous("lr", 0.5, 0.5000001),))  # all its values are equal in six digits
    book = ledger(total=10, space=tiny, propose=repeating({"lr": 0.5}, most=20))
    with pytest.raises(UsageError, match="study=s: every proposal is a combination that has been tried before"):
        finish(book)


def test_another_search_with_the_same_name_is_refused(ledger: Open, tmp_path: Path) -> None:
    ledger()
    other = {"space": {"layers": "choice(all)", "epochs": "range(1,2)"}, "settings": {"dataset.name": "mnist5k"}}
    with pytest.raises(UsageError) as refused:
        open_study(address(None, tmp_path), "s", GOALS, other, 60)
    assert str(refused.value).splitlines()[1:] == [
        "  layers: choice(all,fc) -> choice(all)",
        "  epochs: absent -> range(1,2)",
        "Undo the change to continue the study, or choose another name: study=NAME.",
    ]
