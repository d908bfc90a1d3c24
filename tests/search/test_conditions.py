import pytest

from prunesweep.errors import UsageError
from prunesweep.search.conditions import Condition, as_text, in_order, narrow, requirements
from prunesweep.search.dimensions import Choice, Continuous, stepped

SCHEDULE = Choice("schedule", ("one_shot", "iterative", "lottery"))
ROUNDS = stepped("schedule.rounds", 3, 5, 1)
CURVE = Choice("schedule.curve", ("linear", "cubic"))
LR = Continuous("lr", 0.0, 1.0)
ITERATIVE = Condition("schedule", ("iterative",))


def test_parents_come_before_their_children() -> None:
    conditions = {"schedule.rounds": ITERATIVE, "schedule.curve": Condition("schedule.rounds", (5,))}
    assert in_order((CURVE, LR, ROUNDS, SCHEDULE), conditions) == (LR, SCHEDULE, ROUNDS, CURVE)


def test_requirements_are_the_overrides_of_all_ancestors() -> None:
    conditions = {"schedule.rounds": ITERATIVE, "schedule.curve": Condition("schedule.rounds", (5,))}
    assert requirements("schedule.curve", conditions) == ["schedule.rounds=5", "schedule=iterative"]
    assert requirements("schedule", conditions) == []


def test_values_that_were_removed_from_a_choice_are_removed_from_conditions() -> None:
    declared = {dimension.key: dimension for dimension in (SCHEDULE, ROUNDS, CURVE, LR)}
    conditions = {
        "lr": Condition("schedule", ("one_shot", "lottery", "typo")),
        "schedule.curve": Condition("schedule.rounds", (5,)),
        "schedule.rounds": ITERATIVE,
    }
    assert narrow(declared, conditions, declared) == (list(declared.values()), conditions)
    fewer = Choice("schedule", ("one_shot",))
    dimensions, narrowed = narrow({**declared, "schedule": fewer}, conditions, declared)
    assert dimensions == [fewer, LR], "the curve depends on the rounds, and these on iterative"
    assert narrowed == {"lr": Condition("schedule", ("one_shot", "typo"))}


def test_values_as_text_are_those_of_overrides() -> None:
    assert list(map(as_text, (True, None, 0.5, "all"))) == ["true", "null", "0.5", "all"]


@pytest.mark.parametrize(
    ("key", "condition", "message"),
    [
        (
            "finetune.epoch",
            ITERATIVE,
            "hydra.sweeper.conditions: finetune.epoch: schedule=iterative: finetune.epoch is not searched. "
            "The searched keys are schedule, schedule.rounds, lr.",
        ),
        (
            "schedule.rounds",
            Condition("shedule", ("iterative",)),
            "hydra.sweeper.conditions: schedule.rounds: shedule=iterative: shedule is not searched. "
            "The searched keys are schedule, schedule.rounds, lr. Did you mean 'schedule'?",
        ),
        (
            "schedule.rounds",
            Condition("schedule", ("iterativ", "lottery")),
            "hydra.sweeper.conditions: schedule.rounds: schedule=iterativ,lottery: iterativ is not a value of schedule "
            "in this search. The values are one_shot, iterative, lottery. Did you mean 'iterative'?",
        ),
        (
            "schedule.rounds",
            Condition("lr", (0.5,)),
            "hydra.sweeper.conditions: schedule.rounds: lr=0.5: lr is searched over an interval, and a condition needs "
            "single values. Use choice(...) or range(...).",
        ),
        (
            "schedule",
            Condition("schedule.rounds", (3,)),
            "hydra.sweeper.conditions: schedule.rounds depends on schedule depends on schedule.rounds. "
            "Remove one of these conditions: a key must not depend on itself.",
        ),
    ],
    ids=["unknown key", "unknown parent", "unknown value", "interval", "cycle"],
)
def test_impossible_conditions_are_refused(key: str, condition: Condition, message: str) -> None:
    conditions = {**({"schedule.rounds": ITERATIVE} if key == "schedule" else {}), key: condition}
    with pytest.raises(UsageError) as refused:
        in_order((SCHEDULE, ROUNDS, LR), conditions)
    assert str(refused.value) == message
