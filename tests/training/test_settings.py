from collections.abc import Callable

import pytest

from prunesweep.errors import UsageError
from prunesweep.training.settings import OPTIMIZERS, SGD, Adam, AdamW, Optimizer


def test_each_optimizer_has_its_own_name() -> None:
    assert [optimizer.name for optimizer in OPTIMIZERS] == ["sgd", "adam", "adamw"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(lr=float("nan")), "optimizer.lr=nan"),
        (lambda: SGD(lr=0.0), "optimizer.lr=0.0: must be above 0"),
        (lambda: SGD(momentum=1.5), "optimizer.momentum=1.5: must be at least 0 and at most 1"),
        (lambda: SGD(momentum=0.0), "optimizer.nesterov=true: needs optimizer.momentum above 0"),
        (lambda: Adam(betas=[0.9, 1.0]), r"optimizer.betas=\[0.9, 1.0\]: must be two numbers"),
        (lambda: Adam(betas=[0.9]), r"optimizer.betas=\[0.9\]: must be two numbers"),
        (lambda: AdamW(weight_decay=-1), "optimizer.weight_decay=-1"),
    ],
)
def test_impossible_settings_are_refused(make: Callable[[], Optimizer], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
