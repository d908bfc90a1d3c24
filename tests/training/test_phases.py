from collections.abc import Callable

import pytest

from prunesweep.errors import UsageError
from prunesweep.training.phases import FineTune, Phase, Train


def test_learning_rates_follow_the_decay() -> None:
    assert Train(epochs=2, decay="constant").learning_rates(0.1) == [0.1, 0.1]
    assert Train(epochs=4, decay="cosine").learning_rates(1.0) == pytest.approx(
        [1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]
    )
    assert Train(epochs=4, decay="step", step_size=2, gamma=0.1).learning_rates(1.0) == pytest.approx([1, 1, 0.1, 0.1])
    assert FineTune(epochs=1, lr_scale=0.1).learning_rates(0.5) == pytest.approx([0.05])
    assert FineTune(epochs=0).learning_rates(0.5) == []


def test_the_rate_rises_during_the_warm_up_and_then_follows_the_decay() -> None:
    phase = FineTune(epochs=4, lr_scale=0.5, decay="step", step_size=1, gamma=0.5, warmup=2)
    assert phase.first_rates(0.8) == [0.0, 0.1, None, None]
    assert phase.learning_rates(0.8) == [0.2, 0.2, 0.1, 0.05]
    assert FineTune(epochs=2).first_rates(0.8) == [None, None]
    assert FineTune(epochs=1, lr_scale=1, warmup=4).learning_rates(0.8) == [0.2]


def test_a_longer_constant_phase_continues_a_shorter_one() -> None:
    assert FineTune(epochs=5).learning_rates(0.1)[:3] == FineTune(epochs=3).learning_rates(0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FineTune(epochs=-1), "finetune.epochs=-1: must be at least 0"),
        (lambda: Train(batch_size=0), "train.batch_size=0: must be at least 1"),
        (lambda: Train(decay="cosin"), "train.decay=cosin.*Did you mean 'cosine'"),
        (lambda: Train(lr_scale=0), "train.lr_scale=0: must be above 0"),
        (lambda: Train(step_size=0), "train.step_size=0: must be at least 1"),
        (lambda: FineTune(gamma=1.5), "finetune.gamma=1.5: must be at least 0 and at most 1"),
        (lambda: Train(warmup=-1), "train.warmup=-1: must be at least 0"),
        (lambda: FineTune(distill=1.5), "finetune.distill=1.5: must be at least 0 and at most 1"),
        (lambda: FineTune(temperature=0), "finetune.temperature=0: must be above 0"),
        (lambda: FineTune(average=-1), "finetune.average=-1: must be at least 0"),
        (lambda: FineTune(average=2, best=True), "finetune.average=2 finetune.best=true: both .* Use one of them"),
    ],
)
def test_impossible_settings_are_refused(make: Callable[[], Phase], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
