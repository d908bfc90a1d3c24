import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.chain.average import Average
from prunesweep.chain.best import Best
from prunesweep.chain.cleanup import CleanUp
from prunesweep.chain.gate_epoch import GateEpoch
from prunesweep.chain.penalty_epoch import PenaltyEpoch
from prunesweep.chain.prune_steps import Prune, RampEpoch
from prunesweep.chain.quantize_steps import CodebookEpoch, ToCodebook, ToInt8
from prunesweep.chain.regrow_steps import RegrowEpoch, SurgeryEpoch
from prunesweep.chain.rewind_within import RewindWithin
from prunesweep.chain.schedules.parts import MeasuredPoint, Parts, Plan
from prunesweep.chain.schedules.plan import plan
from prunesweep.chain.schedules.settings import (
    GSM,
    Gradual,
    Iterative,
    Lottery,
    OneShot,
    Penalty,
    RigL,
    Schedule,
    SparseEvolution,
    Surgery,
)
from prunesweep.chain.sparse_momentum import SparseMomentumEpoch
from prunesweep.chain.steps import Init, Reinitialize, Rewind
from prunesweep.chain.teacher import Teacher
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.errors import UsageError
from prunesweep.models.settings import LeNet5
from prunesweep.pruning.curves import CURVES, cubic, exponential, geometric, linear
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.quantization.settings import Codebook, Int8
from prunesweep.training.phases import FineTune, Train
from prunesweep.training.settings import SGD, Adam, Optimizer

SELECTED = {"conv1.weight": (6, 1, 5, 5), "fc3.weight": (10, 84)}
AMOUNT = Fractions(0.75)


def parts(train: int, finetune: int, fractions: Fractions = AMOUNT, **spec: Any) -> Parts:
    """Return the parts of a run with `train` and `finetune` epochs that prunes `fractions`."""
    return Parts(
        init=Init(LeNet5(), (1, 28, 28), seed=7, weights="hash"),
        data="data",
        selected=SELECTED,
        output="fc3",
        optimizer=SGD(lr=0.1),
        train=Train(epochs=train, batch_size=64),
        finetune=FineTune(epochs=finetune, batch_size=32, lr_scale=0.5),
        spec=PruneSpec("l1", fractions, **spec),
        seed=7,
    )


def epochs(written: Plan) -> list[TrainEpoch]:
    return [step for step in written.chain if isinstance(step, TrainEpoch)]


def prunings(written: Plan) -> list[Prune]:
    return [step for step in written.chain if isinstance(step, Prune)]


def amounts(written: Plan) -> list[float]:
    return [step.spec.fractions.amount for step in prunings(written)]


def per_layer(written: Plan) -> list[dict[str, float]]:
    return [dict(step.spec.fractions.per_layer) for step in prunings(written)]


def passes(written: Plan) -> list[list[float]]:
    """Return the amounts of the single passes of each pruning."""
    return [[each.fractions.amount for each in step.spec.passes()] for step in prunings(written)]


def phases(written: Plan) -> list[tuple[str, int]]:
    return [(step.phase, step.round) for step in epochs(written)]


def test_the_curves_by_hand() -> None:
    assert [geometric(0.75, part) for part in (0, 0.5, 1)] == [0, 0.5, 0.75]
    assert [linear(0.8, part) for part in (0, 0.5, 1)] == [0, 0.4, 0.8]
    assert [cubic(0.8, part) for part in (0, 0.5, 1)] == [0, 0.8 * 7 / 8, 0.8]
    assert [exponential(0.8, part) for part in (0, 1)] == [0, 0.8]
    assert exponential(0.8, 0.2) == pytest.approx(0.8 * (1 - math.e**-1) / (1 - math.e**-5))


@given(final=st.floats(0, 1), one=st.floats(0, 1), other=st.floats(0, 1), curve=st.sampled_from(sorted(CURVES)))
def test_each_curve_rises_from_0_to_the_final_fraction(final: float, one: float, other: float, curve: str) -> None:
    early, late = (CURVES[curve](final, progress) for progress in sorted((one, other)))
    assert 0 <= early <= late + 1e-12
    assert late <= final + 1e-12
    assert (CURVES[curve](final, 0.0), CURVES[curve](final, 1.0)) == (0, final)


def test_one_shot_trains_prunes_and_fine_tunes() -> None:
    written = plan(OneShot(), parts(2, 3))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, TrainEpoch, Prune, *[TrainEpoch] * 3]
    assert (written.dense, written.points) == (2, (MeasuredPoint(0.75, pruned=3, final=6),))
    assert phases(written) == [("dense", 0)] * 2 + [("finetune", 1)] * 3
    assert [step.index for step in epochs(written)] == [0, 1, 2, 3, 4]
    assert [step.batch_size for step in epochs(written)] == [64, 64, 32, 32, 32]
    assert [step.lr for step in epochs(written)] == [0.1, 0.05, 0.05, 0.05, 0.05]  # cosine for two epochs, constant
    assert {step.seed for step in written.chain} == {7}  # type: ignore[attr-defined]


def test_a_run_without_training_has_its_points() -> None:
    written = plan(OneShot(), parts(0, 0))
    assert (written.dense, written.points) == (0, (MeasuredPoint(0.75, 1, 1),))


def test_more_fine_tuning_extends_the_chain_with_less() -> None:
    short, long = (plan(OneShot(), parts(2, count)).chain for count in (1, 4))
    assert long[: len(short)] == short


def test_iterative_prunes_a_part_in_each_round() -> None:
    written = plan(Iterative(rounds=2), parts(1, 2))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, *[Prune, TrainEpoch, TrainEpoch] * 2]
    assert amounts(written) == [0.5, 0.75]
    assert written.points == (MeasuredPoint(0.5, 2, 4), MeasuredPoint(0.75, 5, 7))
    assert phases(written) == [("dense", 0), *[("finetune", 1)] * 2, *[("finetune", 2)] * 2]
    assert [step.index for step in epochs(written)] == [0, 1, 2, 3, 4]
    assert [step.index for step in prunings(written)] == [0, 1]


@pytest.mark.parametrize(("curve", "half"), [("linear", 0.375), ("cubic", 0.75 * 7 / 8), ("geometric", 0.5)])
def test_the_curve_applies_to_the_amount_and_to_layers_with_an_amount_of_their_own(curve: str, half: float) -> None:
    written = plan(Iterative(rounds=2, curve=curve), parts(1, 0, Fractions(0.75, {"fc3": 0.75})))
    assert amounts(written) == [half, 0.75]
    assert per_layer(written) == [{"fc3": half}, {"fc3": 0.75}]


def test_the_passes_of_a_round_continue_from_the_round_before() -> None:
    written = plan(Iterative(rounds=2), parts(0, 0, iterations=2))
    assert passes(written) == [[pytest.approx(1 - 0.5**0.5), 0.5], [pytest.approx(1 - 0.5**1.5), 0.75]]


def test_the_passes_of_a_layer_with_its_own_amount_continue_too() -> None:
    written = plan(Iterative(rounds=2), parts(0, 0, Fractions(0.0, {"fc3": 0.75}), iterations=2))
    second = [each.fractions.per_layer for each in prunings(written)[1].spec.passes()]
    assert second == [{"fc3": pytest.approx(1 - 0.5**1.5)}, {"fc3": 0.75}]


def test_the_passes_of_a_lottery_round_continue_from_the_round_before() -> None:
    written = plan(Lottery(rounds=2, half_output=False), parts(0, 0, iterations=2))
    assert passes(written) == [[pytest.approx(1 - 0.5**0.5), 0.5], [pytest.approx(1 - 0.5**1.5), 0.75]]


def test_a_single_pass_does_not_depend_on_the_round_before() -> None:
    second = prunings(plan(Iterative(rounds=2), parts(0, 0)))[1]
    assert second.spec.describe() == parts(0, 0).spec.describe()


@pytest.mark.parametrize(("cleanup", "cleaned"), [("none", []), ("final", [6]), ("rounds", [4, 7])])
def test_the_final_network_or_that_of_each_round_is_cleaned_up(cleanup: str, cleaned: list[int]) -> None:
    written = plan(Iterative(rounds=2), replace(parts(1, 1), cleanup=cleanup))
    assert [index for index, step in enumerate(written.chain) if isinstance(step, CleanUp)] == cleaned
    assert [point.pruned for point in written.points] == [2, 5 if cleanup == "rounds" else 4]
    finals = {"none": [3, 5], "final": [3, 6], "rounds": [4, 7]}[cleanup]
    assert [point.final for point in written.points] == finals
    assert written.points[-1].final == len(written.chain) - 1


def test_learning_rates_are_rewound_without_the_weights() -> None:
    written = plan(Iterative(rounds=2, rewind_lr=1), parts(3, 9))
    dense = [step.lr for step in epochs(written)[:3]]
    assert [step.lr for step in epochs(written)] == dense + 2 * dense[1:]
    assert not any(isinstance(step, Rewind) for step in written.chain)
    assert {step.batch_size for step in epochs(written)} == {64}
    assert phases(written) == [("dense", 0)] * 3 + [("finetune", 1)] * 2 + [("finetune", 2)] * 2


def test_gradual_raises_sparsity_during_training() -> None:
    written = plan(Gradual(epochs=2, every=7, lr_scale=0.5), parts(1, 1))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, RampEpoch, RampEpoch, TrainEpoch]
    ramp = [step for step in written.chain if isinstance(step, RampEpoch)]
    assert [(step.number, step.of, step.every, step.lr, step.index) for step in ramp] == [
        (0, 2, 7, 0.05, 1), (1, 2, 7, 0.05, 2),
    ]  # fmt: skip
    assert phases(written) == [("dense", 0), ("ramp", 1), ("ramp", 1), ("finetune", 1)]
    assert written.points == (MeasuredPoint(0.75, 3, 4),)


@pytest.mark.parametrize(("schedule", "batches"), [(RigL, 1), (SparseEvolution, None)])
def test_rigl_and_set_prune_once_and_exchange_weights_for_some_epochs(
    schedule: type[RigL | SparseEvolution], batches: int | None
) -> None:
    written = plan(schedule(epochs=2, every=7, lr_scale=0.5, fraction=0.2), parts(1, 1))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, Prune, *[RegrowEpoch] * 2, TrainEpoch]
    regrowth = [step for step in written.chain if isinstance(step, RegrowEpoch)]
    assert [(step.number, step.of, step.every, step.lr, step.index) for step in regrowth] == [
        (0, 2, 7, 0.05, 1), (1, 2, 7, 0.05, 2),
    ]  # fmt: skip
    assert {(step.rise, step.fraction, step.batches) for step in regrowth} == {(0.0, 0.2, batches)}
    assert all(step.spec == parts(1, 1).spec for step in regrowth)
    assert phases(written) == [("dense", 0), ("regrow", 1), ("regrow", 1), ("finetune", 1)]
    assert written.points == (MeasuredPoint(0.75, 4, 5),)


def test_with_a_rise_nothing_is_pruned_before() -> None:
    written = plan(RigL(epochs=2, rise=0.5), parts(1, 0))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, RegrowEpoch, RegrowEpoch]


def test_surgery_begins_with_the_dense_network() -> None:
    written = plan(Surgery(epochs=2, gamma=0.5, rise=0.25), parts(1, 1))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, SurgeryEpoch, SurgeryEpoch, TrainEpoch]
    assert {(step.gamma, step.rise) for step in written.chain if isinstance(step, SurgeryEpoch)} == {(0.5, 0.25)}
    assert written.points == (MeasuredPoint(0.75, 3, 4),)


def test_the_rise_and_the_fine_tuning_learn_from_the_dense_network() -> None:
    distilling = FineTune(epochs=1, distill=0.5, temperature=2.0)
    written = plan(Gradual(epochs=1, curve="linear"), replace(parts(2, 1), finetune=distilling))
    teachers = [step.teacher for step in epochs(written)]
    assert teachers == [None, None, *[Teacher(at=2, weight=0.5, temperature=2.0)] * 2]
    assert [step.curve for step in written.chain if isinstance(step, RampEpoch)] == ["linear"]


def test_an_untrained_network_cannot_teach_and_given_weights_can() -> None:
    distilling = replace(parts(0, 1), finetune=FineTune(epochs=1, distill=0.5))
    with pytest.raises(UsageError, match=r"finetune.distill=0.5: the dense network is not trained"):
        plan(OneShot(), distilling)
    given = replace(distilling, init=replace(distilling.init, model=LeNet5(weights="trained.pt")))
    assert [step.teacher for step in epochs(plan(OneShot(), given))] == [Teacher(0, 0.5, 2.0)]


def test_the_weights_of_the_last_epochs_of_each_round_are_averaged() -> None:
    averaging = replace(parts(1, 3), finetune=FineTune(epochs=3, batch_size=32, average=2))
    written = plan(Iterative(rounds=2), averaging)
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, *[Prune, *[TrainEpoch] * 3, Average] * 2]
    assert [step for step in written.chain if isinstance(step, Average)] == [
        Average("data", (4, 5), 32, 7), Average("data", (9, 10), 32, 7),
    ]  # fmt: skip
    assert [point.final for point in written.points] == [6, 11]


def test_the_best_epoch_of_the_fine_tuning_is_the_result() -> None:
    written = plan(Gradual(epochs=2), replace(parts(1, 3), finetune=FineTune(epochs=3, best=True)))
    assert [step.of for step in written.chain if isinstance(step, Best)] == [(4, 5, 6)]
    assert written.points == (MeasuredPoint(0.75, 3, 7),)


def test_a_warm_up_is_part_of_the_phase_that_has_it() -> None:
    written = plan(OneShot(), replace(parts(1, 2), finetune=FineTune(epochs=2, lr_scale=1, warmup=1)))
    assert [step.lr_start for step in epochs(written)] == [None, 0.0, None]


@pytest.mark.parametrize(("steps", "epoch", "within"), [(0, 0, 0), (3, 0, 3), (16, 1, 0), (20, 1, 4), (32, 2, 0)])
def test_a_ticket_rewinds_to_an_optimizer_step(steps: int, epoch: int, within: int) -> None:
    short = replace(parts(2, 0), examples=1_000)  # 16 batches of 64
    written = plan(Lottery(rounds=1, rewind_steps=steps), short)
    rewind = written.chain[4]
    if within:
        dense = written.chain[epoch + 1]
        assert isinstance(dense, TrainEpoch)
        assert rewind == RewindWithin(epoch, replace(dense, part=(0, within)))
    else:
        assert rewind == Rewind(epoch)
    ticket = epochs(written)[2:]
    assert len(ticket) == 2 - epoch
    assert [step.part for step in ticket] == [(within, None), (0, None)][: len(ticket)]
    assert [step.lr for step in ticket] == [step.lr for step in epochs(written)[epoch:2]]


@pytest.mark.parametrize("key", ["distill", "average", "best"])
def test_tickets_are_not_fine_tuned(key: str) -> None:
    value: Any = True if key == "best" else 1
    with pytest.raises(UsageError, match=rf"finetune.{key}=(1|true): schedule=lottery .* Remove this setting"):
        plan(Lottery(), replace(parts(2, 1), finetune=FineTune(**{key: value})))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"average": 3}, "finetune.average=3: needs at least 3 epochs of fine-tuning, and the run has 2"),
        ({"best": True, "epochs": 0}, "finetune.best=true: needs at least 1 epochs of fine-tuning, and the run has 0"),
    ],
)
def test_too_few_epochs_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(OneShot(), replace(parts(1, 0), finetune=FineTune(**settings)))


def test_the_strength_of_a_penalty_rises_and_pruning_follows() -> None:
    written = plan(Penalty(epochs=3, strength=0.5, growth=2, lr_scale=0.5), replace(parts(1, 1), penalty="group"))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, *[PenaltyEpoch] * 3, Prune, TrainEpoch]
    shrinking = [step for step in written.chain if isinstance(step, PenaltyEpoch)]
    assert [(step.penalty, step.strength, step.lr, step.index) for step in shrinking] == [
        ("group", 0.5, 0.05, 1), ("group", 1.0, 0.05, 2), ("group", 2.0, 0.05, 3),
    ]  # fmt: skip
    assert all(step.spec == parts(1, 1).spec for step in shrinking)
    assert phases(written) == [("dense", 0), *[("ramp", 1)] * 3, ("finetune", 1)]
    assert written.points == (MeasuredPoint(0.75, 5, 6),)


def test_more_epochs_with_a_penalty_extend_fewer() -> None:
    short, long = (plan(Penalty(epochs=count), parts(1, 0)).chain for count in (2, 4))
    assert long[:4] == short[:4]


def test_each_penalty_has_a_default_strength_and_l1_is_the_default() -> None:
    def first(penalty: str | None) -> PenaltyEpoch:
        step = plan(Penalty(), replace(parts(1, 0), penalty=penalty)).chain[2]
        assert isinstance(step, PenaltyEpoch)
        return step

    assert (first(None).penalty, first(None).strength) == ("l1", 1e-3)
    assert first("hoyer").strength == 1e-4
    assert isinstance(first("hard_concrete"), GateEpoch)


def test_fine_tuning_can_have_a_weight_decay_of_its_own() -> None:
    settings = FineTune(epochs=2, weight_decay=0.0)
    written = plan(OneShot(), replace(parts(2, 0), finetune=settings))
    assert [step.optimizer.weight_decay for step in epochs(written)] == [SGD().weight_decay] * 2 + [0.0] * 2


def test_only_training_after_the_dense_network_is_compact() -> None:
    for settings in (Gradual(epochs=2), Iterative(rounds=2), Lottery(rounds=1)):
        dense, *others = epochs(plan(settings, replace(parts(1, 1), compact=True)))
        assert not dense.compact
        assert all(each.compact for each in others)


def test_global_sparse_momentum_has_an_optimizer_of_its_own() -> None:
    written = plan(GSM(epochs=2, weight_decay=0.01), parts(1, 1))
    assert [type(step) for step in written.chain] == [Init, TrainEpoch, *[SparseMomentumEpoch] * 2, Prune, TrainEpoch]
    assert epochs(written)[1].optimizer == SGD(lr=0.1, momentum=0.98, nesterov=False, weight_decay=0.01)
    assert epochs(written)[-1].optimizer == SGD(lr=0.1)
    assert written.points == (MeasuredPoint(0.75, 4, 5),)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (Adam(), "optimizer=adam: schedule=gsm is a form of SGD .* Set optimizer=sgd"),
        (SGD(weight_decay=0.0), "optimizer.weight_decay=0: with schedule=gsm, weight decay alone"),
    ],
)
def test_global_sparse_momentum_needs_sgd_with_weight_decay(optimizer: Optimizer, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(GSM(), replace(parts(1, 1), optimizer=optimizer))


def test_gates_are_of_single_weights() -> None:
    with pytest.raises(UsageError, match=r"prune.penalty=hard_concrete: each weight has a gate. Set prune.structure="):
        plan(Penalty(), replace(parts(1, 1, structure="channel"), penalty="hard_concrete"))


def test_a_ticket_rewinds_its_weights_and_trains_as_the_dense_network_did() -> None:
    written = plan(Lottery(rounds=2, rewind_to=1, half_output=False), parts(2, 9))
    assert [type(step) for step in written.chain] == [Init, *[TrainEpoch] * 2, *[Prune, Rewind, TrainEpoch] * 2]
    assert [step.to for step in written.chain if isinstance(step, Rewind)] == [1, 1]
    assert [step.lr for step in epochs(written)] == [0.1, 0.05, 0.05, 0.05]
    assert phases(written) == [("dense", 0), ("dense", 0), ("ticket", 1), ("ticket", 2)]
    assert written.points == (MeasuredPoint(0.5, 3, 5), MeasuredPoint(0.75, 6, 8))


def test_the_output_layer_loses_half_the_rate() -> None:
    # Each round prunes half of the remaining weights, and a quarter of those of the output layer.
    written = plan(Lottery(rounds=2), parts(1, 0))
    assert per_layer(written) == [{"fc3": 0.25}, {"fc3": 1 - 0.75**2}]
    assert [point.amount for point in written.points] == [0.5, 0.75], "the amount is what the settings ask for"


def test_an_output_layer_that_is_not_selected_or_has_its_own_amount_does_not_get_half_the_rate() -> None:
    without = replace(parts(1, 0), selected={"conv1.weight": (6, 1, 5, 5)})
    assert per_layer(plan(Lottery(rounds=1), without)) == [{}]
    assert per_layer(plan(Lottery(rounds=1), parts(1, 0, Fractions(0.75, {"fc3": 0.1})))) == [{"fc3": 0.1}]


def test_the_control_follows_the_tickets_and_shares_their_steps() -> None:
    tickets, control = (plan(Lottery(rounds=2, control=name), parts(1, 0)) for name in ("none", "reinit"))
    assert control.chain[: len(tickets.chain)] == tickets.chain
    further = control.chain[len(tickets.chain) :]
    assert [type(step) for step in further] == [Rewind, Reinitialize, TrainEpoch] * 2
    assert [step.to for step in further if isinstance(step, Rewind)] == [point.pruned for point in tickets.points]
    assert control.points == (
        MeasuredPoint(tickets.points[0].amount, 8, 10),
        MeasuredPoint(tickets.points[1].amount, 11, 13),
    )
    assert len({step.index for step in epochs(control)}) == len(epochs(control))
    assert phases(control) == [("dense", 0), ("ticket", 1), ("ticket", 2), ("control", 1), ("control", 2)]


@pytest.mark.parametrize(
    ("schedule", "spec", "message"),
    [
        (Lottery(rewind_to=3), {}, "schedule.rewind_to=3: must be at least 0 and at most 2"),
        (Lottery(rewind_steps=1), {}, "schedule.rewind_steps=1: must be at least 0 and at most 0"),
        (Iterative(rewind_lr=3), {}, "schedule.rewind_lr=3: must be at least 0 and at most 2"),
        (Iterative(), {"structure": "n_of_m"}, "schedule=iterative: .* Use schedule=one_shot"),
        (Gradual(), {"structure": "n_of_m"}, "schedule=gradual: .* Use schedule=one_shot"),
        (Lottery(), {"structure": "n_of_m"}, "schedule=lottery: .* Use schedule=one_shot"),
        (Penalty(), {"iterations": 3}, "prune.iterations=3: schedule=penalty scores once .* Set prune.iterations=1"),
        (GSM(), {"structure": "channel"}, "schedule=gsm: ranks single weights. Set prune.structure=unstructured"),
        (Gradual(regrow=True), {"structure": "channel"}, "schedule.regrow=true: only single weights can return"),
        (RigL(), {"structure": "n_of_m"}, "schedule=rigl: .* Use schedule=one_shot"),
        (
            SparseEvolution(),
            {"structure": "channel"},
            "prune.structure=channel: with schedule=set, only single weights",
        ),
        (RigL(rise=0.5), {"iterations": 3}, "prune.iterations=3: schedule=rigl scores once .* Set prune.iterations=1"),
        (Surgery(), {"iterations": 3}, "prune.iterations=3: schedule=surgery scores once"),
        (Gradual(), {"iterations": 3}, "prune.iterations=3: schedule=gradual scores once .* Set prune.iterations=1"),
    ],
)
def test_a_schedule_refuses_settings_that_do_not_fit(schedule: Schedule, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(schedule, parts(2, 1, **spec))


def test_surgery_refuses_a_criterion_other_than_magnitude() -> None:
    settings = parts(1, 1)
    with pytest.raises(UsageError, match="prune.criterion=snip: schedule=surgery .* Set prune=l1"):
        plan(Surgery(), replace(settings, spec=replace(settings.spec, criterion="snip")))


def by_movement(train: int, finetune: int) -> Parts:
    return replace(parts(train, finetune), spec=PruneSpec("movement", AMOUNT))


@pytest.mark.parametrize("schedule", [OneShot(), Iterative(rounds=2), Gradual(epochs=2), Lottery(rounds=2)])
def test_training_records_the_movement_if_the_criterion_needs_it(schedule: Schedule) -> None:
    assert {step.tracked for step in epochs(plan(schedule, by_movement(2, 1)))} == {tuple(SELECTED)}
    assert {step.tracked for step in epochs(plan(schedule, parts(2, 1)))} == {()}


def test_movement_needs_training_since_the_last_reset() -> None:
    for schedule, chosen in ((OneShot(), by_movement(0, 1)), (Lottery(rounds=2, rewind_to=2), by_movement(2, 1))):
        with pytest.raises(
            UsageError, match=r"prune.criterion=movement: sums over the training steps .* there are none"
        ):
            plan(schedule, chosen)
    assert plan(Gradual(epochs=1), by_movement(0, 1)).points
    assert plan(Iterative(rounds=3), by_movement(1, 0)).points, "the dense training counts for all rounds"


def test_quantization_is_the_last_step() -> None:
    assert plan(OneShot(), parts(1, 1)).points[-1].unquantized is None
    both = replace(parts(1, 1), cleanup="final", quantized=("fc3.weight", "fc3.bias"))
    written = plan(Iterative(rounds=2), replace(both, quantize=Codebook(bits=3, epochs=2)))
    assert [type(step) for step in written.chain[-4:]] == [CleanUp, ToCodebook, CodebookEpoch, CodebookEpoch]
    last = written.points[-1]
    assert (last.unquantized, last.final, written.points[0].unquantized) == (6, 9, None)
    first, second = written.chain[-2:]
    assert isinstance(first, CodebookEpoch)
    assert isinstance(second, CodebookEpoch)
    assert (first.index, second.index, first.round, first.phase) == (3, 4, 2, "quantize")
    assert first.groups == (("fc3.weight", "fc3.bias"),)
    without = plan(OneShot(), replace(both, quantize=Codebook(biases=False, epochs=0))).chain[-1]
    assert isinstance(without, ToCodebook)
    assert (without.groups, without.rounded, without.entries) == ((("fc3.weight",),), ("fc3.bias",), 32)
    assert isinstance(plan(OneShot(), replace(both, quantize=Int8())).chain[-1], ToInt8)
