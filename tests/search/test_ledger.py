"""One total for all processes, on a real SQLite file; processes that die are played by owners whose lock is free."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from optuna.trial import Trial, TrialState

from prunesweep.errors import UsageError
from prunesweep.results.objectives import objective
from prunesweep.search.dimensions import Choice, Stepped
from prunesweep.search.evaluation import Outcome
from prunesweep.search.ledger import (
    DUPLICATE,
    FAILED,
    TAKEN_BACK,
    Claim,
    Ledger,
    open_study,
)
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import Exact, proposer
from prunesweep.search.space import Space
from prunesweep.search.storage import address

GOALS = [objective("val_accuracy"), objective("param_reduction")]
SPACE = Space((Choice("layers", ("all", "fc")), Stepped("epochs", Decimal(1), Decimal(5), Decimal(1), whole=True)))
DEFINITION = {"space": {"layers": "choice(all,fc)"}, "settings": {"dataset.name": "mnist5k"}}
LOST = Outcome({}, {}, "there is nothing")

Open = Callable[..., Ledger]


def came_to(trial: Trial) -> Outcome:
    values = [trial.params["epochs"] / 5, 1 - trial.params["epochs"] / 5]
    return Outcome({0: values}, {})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Open]:
    """A process that opens the study; `die` ends it without a word."""
    owners: list[Owner] = []

    def make(total: int = 6, sampler: str = "RandomSampler", space: Space = SPACE, left: Outcome = LOST) -> Ledger:
        url = address(None, tmp_path)
        study = open_study(url, "s", GOALS, DEFINITION, heartbeat=60)
        owner = Owner(tmp_path / ".running", study._storage)  # type: ignore[arg-type]
        owner.__enter__()
        owners.append(owner)
        settings = OmegaConf.create({"_target_": f"optuna.samplers.{sampler}", "seed": None})

        def propose(number: int) -> Exact:
            return proposer(settings, space, number, seed=0)

        return Ledger(study, url, space, total, propose, lambda number: left, owner)

    yield make
    for owner in owners:
        owner.__exit__(None, None, None)


def die(book: Ledger) -> None:
    book.owner.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    book.owner.__exit__ = lambda *_: None  # type: ignore[method-assign]


def finish(book: Ledger) -> list[tuple[object, ...]]:
    """All the rest, one by one; the combinations in order."""
    done = []
    while trials := book.claim(1).trials:
        book.settle(trials[0].number, came_to(trials[0]))
        done.append(SPACE.combination(trials[0].params))
    return done


def statuses(book: Ledger) -> list[str]:
    return [trial.state.name for trial in book.trials]


def test_no_combination_twice_and_a_duplicate_is_recorded_as_such(ledger: Open) -> None:
    book = ledger(total=100)
    done = finish(book)
    assert len(done) == len(set(done)) == SPACE.size == 10, "it ends when every combination is done"
    duplicates = [trial for trial in book.trials if trial.state is TrialState.PRUNED]
    assert duplicates, "ten draws of ten without a repetition would be a surprise"
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


def test_processes_side_by_side_share_the_total(ledger: Open) -> None:
    one, other = ledger(total=3), ledger(total=3)
    mine, theirs = one.claim(2).trials, other.claim(2).trials
    assert (len(mine), len(theirs)) == (2, 1)
    assert one.claim(2) == Claim([], others=True), "a live process's trials are left alone"
    for book, trials in ((one, mine), (other, theirs)):
        for trial in trials:
            book.settle(trial.number, came_to(trial))
    assert one.claim(2) == Claim([], others=False)
    assert statuses(one) == ["COMPLETE"] * 3


def test_trials_of_a_dead_process_are_done_again_and_the_search_is_as_without_its_death(ledger: Open) -> None:
    dead = ledger()
    taken = dead.claim(1).trials
    dead.settle(taken[0].number, came_to(taken[0]))
    lost = dead.claim(2).trials
    die(dead)
    book = ledger()
    done = finish(book)
    assert done[:2] == [SPACE.combination(trial.params) for trial in lost], "first what was lost"
    assert [trial.user_attrs.get(TAKEN_BACK, "") != "" for trial in book.trials][:3] == [False, True, True]
    assert statuses(book).count("COMPLETE") == 6


def test_what_a_dead_process_finished_is_not_done_again(ledger: Open) -> None:
    dead = ledger()
    dead.claim(1)
    die(dead)
    book = ledger(left=Outcome({0: [0.5, 0.5]}, {}))
    assert len(finish(book)) == 5
    assert book.trials[0].values == [0.5, 0.5]


def test_a_trial_that_others_took_back_stays_theirs(ledger: Open) -> None:
    late = ledger()
    (trial,) = late.claim(1).trials
    die(late)
    book = ledger()
    book.claim(1)
    late.settle(trial.number, came_to(trial))
    assert book.trials[trial.number].state is TrialState.FAIL


def test_a_failed_trial_counts_and_its_reason_is_kept(ledger: Open) -> None:
    book = ledger(total=2)
    (trial,) = book.claim(1).trials
    book.settle(trial.number, Outcome({}, {}, "training diverged"))
    assert len(finish(book)) == 1
    assert book.trials[0].user_attrs[FAILED] == "training diverged"
    assert statuses(book) == ["FAIL", "COMPLETE"]


@pytest.mark.parametrize("sampler", ["TPESampler", "RandomSampler", "NSGAIISampler", "QMCSampler", "GPSampler"])
def test_every_sampler_proposes_new_and_readable_values_also_after_a_restart(sampler: str, ledger: Open) -> None:
    first = finish(ledger(total=3, sampler=sampler))
    again = finish(ledger(total=6, sampler=sampler))
    assert len({*first, *again}) == 6
    assert all(isinstance(epochs, int) for _, epochs in (*first, *again))


def test_the_grid_sampler_goes_through_all_of_it(ledger: Open, tmp_path: Path) -> None:
    url = address(None, tmp_path)
    book = ledger(total=100)
    settings = OmegaConf.create({"_target_": "optuna.samplers.GridSampler", "_partial_": True, "seed": None})
    grid = Ledger(
        book.study, url, SPACE, 100, lambda number: proposer(settings, SPACE, number, 0), book.recover, book.owner
    )
    assert len(finish(grid)) == SPACE.size
    assert "PRUNED" not in statuses(grid), "both ends, each once"


def test_another_search_under_the_same_name_is_refused(ledger: Open, tmp_path: Path) -> None:
    ledger()
    other = {"space": {"layers": "choice(all)", "epochs": "range(1,2)"}, "settings": {"dataset.name": "mnist5k"}}
    with pytest.raises(UsageError) as refused:
        open_study(address(None, tmp_path), "s", GOALS, other, 60)
    assert str(refused.value).splitlines()[1:] == [
        "  layers: choice(all,fc) -> choice(all)",
        "  epochs: not in it -> range(1,2)",
        "Undo the change to go on, or give the new search a name of its own: study=ANOTHER.",
    ]
