from dataclasses import replace

import pytest
from searches import short

from prunesweep.chain.schedules.settings import Gradual, Iterative, Lottery, OneShot, Schedule
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.search.continuation import check_continues
from prunesweep.search.dimensions import Choice, Stepped, stepped
from prunesweep.search.halving import ladder
from prunesweep.search.space import Space
from prunesweep.training.phases import FineTune, Train

EPOCHS = stepped("finetune.epochs", 0, 4, 1)
ROUNDS = stepped("schedule.rounds", 1, 4, 1)


def check(run: RunConfig, dimension: Stepped, *others: Choice) -> None:
    def run_of(overrides: list[str]) -> RunConfig:
        changed = run
        for override in overrides:
            key, _, value = override.partition("=")
            section, _, field = key.partition(".")
            typed = value if field == "decay" else int(value)
            changed = replace(changed, **{section: replace(getattr(changed, section), **{field: typed})})
        return changed

    check_continues(ladder(Space((*others, dimension)), dimension.key, 2), run_of)


@pytest.mark.parametrize("schedule", [OneShot(), Gradual(epochs=1), Iterative(rounds=1)])
@pytest.mark.parametrize("decay", ["constant", "step"])
def test_longer_fine_tuning_continues_shorter(schedule: Schedule, decay: str) -> None:
    check(short(schedule=schedule, finetune=FineTune(decay=decay)), EPOCHS)


@pytest.mark.parametrize(
    ("run", "dimension"),
    [
        (short(finetune=FineTune(decay="cosine")), EPOCHS),
        (short(schedule=Iterative(rounds=2)), EPOCHS),
        (short(schedule=Iterative()), ROUNDS),
        (short(schedule=Lottery()), ROUNDS),
        (short(train=Train(decay="constant")), stepped("train.epochs", 1, 4, 1)),
    ],
)
def test_other_runs_do_not_continue_shorter_ones(run: RunConfig, dimension: Stepped) -> None:
    key = dimension.key
    with pytest.raises(UsageError, match=f"key={key}: the run {key}=4 does not continue the run {key}=2, so halving"):
        check(run, dimension)


def test_every_option_of_a_choice_is_checked() -> None:
    decays = Choice("finetune.decay", ("constant", "cosine"))
    with pytest.raises(UsageError, match=r"the run finetune.decay=cosine finetune.epochs=4 does not continue"):
        check(short(), EPOCHS, decays)


def test_runs_that_cannot_be_planned_are_left_out() -> None:
    lottery = short(schedule=Lottery(), train=Train(epochs=1))
    check(lottery, stepped("schedule.rewind_to", 0, 2, 1))  # the dense training is shorter than 2 epochs
