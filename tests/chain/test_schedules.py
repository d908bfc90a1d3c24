from dataclasses import replace
from typing import Any

import pytest

from prunesweep.chain.prune_steps import Prune, RampEpoch
from prunesweep.chain.schedules import (
    Gradual,
    Iterative,
    Lottery,
    MeasuredPoint,
    OneShot,
    Plan,
    Schedule,
    StepFactory,
)
from prunesweep.chain.steps import Init, Reinitialize, Rewind, TrainEpoch
from prunesweep.errors import UsageError
from prunesweep.models.settings import LeNet5
from prunesweep.pruning.settings import Pruning
from prunesweep.training.phases import FineTune, Train
from prunesweep.training.settings import SGD

SELECTED = {"conv1.weight": (6, 1, 5, 5), "fc3.weight": (10, 84)}


def factory(train: int, finetune: int, **pruning: Any) -> StepFactory:
    return StepFactory(
        LeNet5(), (1, 28, 28), "data", SELECTED, "fc3", SGD(lr=0.1), Train(epochs=train, batch_size=64),
        FineTune(epochs=finetune, batch_size=32, lr_scale=0.5), Pruning(**{"amount": 0.75, **pruning}), seed=7,
    )  # fmt: skip


def epochs(plan: Plan) -> list[TrainEpoch]:
    return [step for step in plan.chain if isinstance(step, TrainEpoch)]


def prunings(plan: Plan) -> list[Prune]:
    return [step for step in plan.chain if isinstance(step, Prune)]


def test_one_shot_trains_prunes_and_fine_tunes() -> None:
    plan = OneShot().plan(factory(2, 3))
    assert [type(step) for step in plan.chain] == [Init, TrainEpoch, TrainEpoch, Prune, *[TrainEpoch] * 3]
    assert (plan.dense, plan.points) == (2, (MeasuredPoint(0.75, pruned=3, final=6),))
    assert [step.index for step in epochs(plan)] == [0, 1, 2, 3, 4]
    assert [step.batch_size for step in epochs(plan)] == [64, 64, 32, 32, 32]
    assert [step.lr for step in epochs(plan)] == [0.1, 0.05, 0.05, 0.05, 0.05]  # cosine over two epochs, then constant
    assert {step.seed for step in plan.chain} == {7}  # type: ignore[attr-defined]


def test_without_any_training_the_points_are_still_there() -> None:
    plan = OneShot().plan(factory(0, 0))
    assert (plan.dense, plan.points) == (0, (MeasuredPoint(0.75, 1, 1),))


def test_more_fine_tuning_continues_less() -> None:
    short, long = (OneShot().plan(factory(2, epochs)).chain for epochs in (1, 4))
    assert long[: len(short)] == short


def test_iterative_prunes_a_part_in_each_round() -> None:
    plan = Iterative(rounds=2).plan(factory(1, 2))
    assert [type(step) for step in plan.chain] == [Init, TrainEpoch, *[Prune, TrainEpoch, TrainEpoch] * 2]
    assert [step.pruning.amount for step in prunings(plan)] == [0.5, 0.75]
    assert plan.points == (MeasuredPoint(0.5, 2, 4), MeasuredPoint(0.75, 5, 7))
    assert [step.index for step in epochs(plan)] == [0, 1, 2, 3, 4]
    assert [step.index for step in prunings(plan)] == [0, 1]


@pytest.mark.parametrize(("curve", "half"), [("linear", 0.375), ("cubic", 0.75 * 7 / 8), ("geometric", 0.5)])
def test_the_curve_is_a_choice_and_holds_for_layers_of_their_own_amount(curve: str, half: float) -> None:
    plan = Iterative(rounds=2, curve=curve).plan(factory(1, 0, per_layer={"fc3": 0.75}))
    assert [step.pruning.amount for step in prunings(plan)] == [half, 0.75]
    assert [step.pruning.per_layer for step in prunings(plan)] == [{"fc3": half}, {"fc3": 0.75}]


def test_learning_rates_are_rewound_and_weights_stay() -> None:
    plan = Iterative(rounds=2, rewind_lr=1).plan(factory(3, 9))
    dense = [step.lr for step in epochs(plan)[:3]]
    assert [step.lr for step in epochs(plan)] == dense + 2 * dense[1:]
    assert not any(isinstance(step, Rewind) for step in plan.chain)
    assert {step.batch_size for step in epochs(plan)} == {64}


def test_gradual_raises_sparsity_while_it_trains() -> None:
    plan = Gradual(epochs=2, every=7, lr_scale=0.5).plan(factory(1, 1))
    assert [type(step) for step in plan.chain] == [Init, TrainEpoch, RampEpoch, RampEpoch, TrainEpoch]
    ramp = [step for step in plan.chain if isinstance(step, RampEpoch)]
    assert [(step.number, step.of, step.every, step.lr, step.index) for step in ramp] == [
        (0, 2, 7, 0.05, 1), (1, 2, 7, 0.05, 2),
    ]  # fmt: skip
    assert plan.points == (MeasuredPoint(0.75, 3, 4),)


def test_a_ticket_goes_back_to_its_weights_and_trains_as_before() -> None:
    plan = Lottery(rounds=2, rewind_to=1, half_output=False).plan(factory(2, 9))
    assert [type(step) for step in plan.chain] == [Init, *[TrainEpoch] * 2, *[Prune, Rewind, TrainEpoch] * 2]
    assert [step.to for step in plan.chain if isinstance(step, Rewind)] == [1, 1]
    assert [step.lr for step in epochs(plan)] == [0.1, 0.05, 0.05, 0.05]
    assert plan.points == (MeasuredPoint(0.5, 3, 5), MeasuredPoint(0.75, 6, 8))


def test_the_output_layer_loses_half_the_rate() -> None:
    plan = Lottery(rounds=2).plan(factory(1, 0))  # half of what is left a round, the output layer a quarter
    assert [step.pruning.per_layer for step in prunings(plan)] == [{"fc3": 0.25}, {"fc3": 1 - 0.75**2}]
    lost = [round(0.5 * 150) + round(0.25 * 840), round(0.75 * 150) + round((1 - 0.75**2) * 840)]
    assert [point.amount for point in plan.points] == [count / 990 for count in lost]


def test_an_output_layer_that_is_not_selected_or_has_its_own_amount_is_left_alone() -> None:
    without = replace(factory(1, 0), selected={"conv1.weight": (6, 1, 5, 5)})
    assert prunings(Lottery(rounds=1).plan(without))[0].pruning.per_layer == {}
    own = factory(1, 0, per_layer={"fc3": 0.1})
    assert prunings(Lottery(rounds=1).plan(own))[0].pruning.per_layer == {"fc3": 0.1}


def test_the_control_follows_the_tickets_and_shares_their_steps() -> None:
    tickets, control = (Lottery(rounds=2, control=name).plan(factory(1, 0)) for name in ("none", "reinit"))
    assert control.chain[: len(tickets.chain)] == tickets.chain
    further = control.chain[len(tickets.chain) :]
    assert [type(step) for step in further] == [Rewind, Reinitialize, TrainEpoch] * 2
    assert [step.to for step in further if isinstance(step, Rewind)] == [point.pruned for point in tickets.points]
    assert control.points == (
        MeasuredPoint(tickets.points[0].amount, 8, 10),
        MeasuredPoint(tickets.points[1].amount, 11, 13),
    )
    assert len({step.index for step in epochs(control)}) == len(epochs(control))


@pytest.mark.parametrize(
    ("schedule", "pruning", "message"),
    [
        (Lottery(rewind_to=3), {}, "schedule.rewind_to=3: must be at least 0 and at most 2"),
        (Iterative(rewind_lr=3), {}, "schedule.rewind_lr=3: must be at least 0 and at most 2"),
        (Iterative(), {"structure": "n_of_m", "amount": 0.5}, "schedule=iterative: .* use schedule=one_shot"),
        (Gradual(regrow=True), {"structure": "channel"}, "schedule.regrow=true: only single weights can grow back"),
    ],
)
def test_what_does_not_fit(schedule: Schedule, pruning: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        schedule.plan(factory(2, 1, **pruning))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Iterative, {"rounds": 0}, "schedule.rounds=0: must be at least 1"),
        (Iterative, {"curve": "geometrc"}, "schedule.curve=geometrc: .* Did you mean 'geometric'"),
        (Gradual, {"every": 0}, "schedule.every=0"),
        (Lottery, {"control": "rinit"}, "schedule.control=rinit: .* Did you mean 'reinit'"),
    ],
)
def test_settings_that_cannot_be(kind: type[Schedule], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kind(**settings)
