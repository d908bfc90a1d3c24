import io
import sys

import pytest

from prunesweep.chain.steps import Rewind
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.report.console.progress import describe, progress
from prunesweep.training.settings import SGD

EPOCH = TrainEpoch("data", SGD(), lr=0.1, batch_size=8, index=2, seed=0)
RECORD = {"epoch": 3, "train_loss": 0.5, "val_accuracy": 0.9}


def test_an_epoch_is_described_by_its_loss_and_accuracy() -> None:
    assert describe(EPOCH, RECORD) == "epoch 3  loss 0.5000  validation 90.00 %"


def test_other_steps_are_described_by_their_summary() -> None:
    assert describe(Rewind(0), {}) == Rewind(0).summary()


def test_a_log_has_no_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with progress(2) as on_step:
        on_step(0, Rewind(0), {})
        on_step(1, EPOCH, RECORD)
    assert log.getvalue() == ""
