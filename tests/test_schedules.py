from prunesweep.models import LeNet5
from prunesweep.pruning import Pruning
from prunesweep.schedules import OneShot, Recipe
from prunesweep.steps import Init, Prune, TrainEpoch
from prunesweep.training import SGD, FineTune, Train


def recipe(train: int, finetune: int) -> Recipe:
    return Recipe(
        LeNet5(), (1, 28, 28), "data", ("conv1.weight",), SGD(lr=0.1), Train(epochs=train, batch_size=64),
        FineTune(epochs=finetune, batch_size=32, lr_scale=0.5), Pruning(), seed=7,
    )  # fmt: skip


def test_one_shot_trains_prunes_and_fine_tunes() -> None:
    plan = OneShot().plan(recipe(2, 3))
    assert [type(step) for step in plan.chain] == [Init, TrainEpoch, TrainEpoch, Prune, *[TrainEpoch] * 3]
    assert (plan.dense, plan.pruned, plan.final) == (2, 3, 6)
    epochs = [step for step in plan.chain if isinstance(step, TrainEpoch)]
    assert [step.index for step in epochs] == [0, 1, 2, 3, 4]
    assert [step.batch_size for step in epochs] == [64, 64, 32, 32, 32]
    assert [step.lr for step in epochs] == [0.1, 0.05, 0.05, 0.05, 0.05]  # cosine over two epochs, then constant
    assert {step.seed for step in plan.chain} == {7}  # type: ignore[attr-defined]


def test_without_any_training_the_points_are_still_there() -> None:
    plan = OneShot().plan(recipe(0, 0))
    assert (plan.dense, plan.pruned, plan.final) == (0, 1, 1)


def test_more_fine_tuning_continues_less() -> None:
    short, long = (OneShot().plan(recipe(2, epochs)).chain for epochs in (1, 4))
    assert long[: len(short)] == short
