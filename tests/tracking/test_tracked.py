import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from support import Compose

from prunesweep.experiment import run as experiment
from prunesweep.tracking.tracked import Logger, Tracked, track


def test_curves_figures_and_settings(tracked: Callable[..., Tracked]) -> None:
    run = tracked()
    assert list(run.curves()) == [
        ("epoch/lr", 1, 0.1),
        ("epoch/val_accuracy", 1, 0.5),
        ("epoch/lr", 2, 0.05),
        ("epoch/val_accuracy", 2, 0.75),
    ]
    assert run.metrics() == {"seconds": 1.5, "final/test_accuracy": 0.7}
    assert run.settings() == {
        "seed": "0",
        "prune.amount": "0.2",
        "prune.target": "None",
        "layers.include.0": "*",
    }
    assert [path.name for path in run.artifacts()] == ["config.yaml", "result.json"]
    assert run.name == "0"
    assert tracked(sweep=False).name == "sweep/0"


def test_epochs_from_the_store_are_told_too(composed: Compose, tmp_path: Path) -> None:
    short = ("model=lenet_300_100", "train.epochs=1", "finetune.epochs=1", "threads=1", f"store.dir={tmp_path / 's'}")
    told = []
    for name in ("cold", "warm"):
        config = composed(*short)
        result = experiment.run(config, tmp_path / name)
        told.append(list(Tracked(tmp_path / name, None, asdict(config), asdict(result)).curves()))
    assert result.steps_cached == 4
    assert told[0] == told[1]
    assert {epoch for _, epoch, _ in told[1]} == {1, 2}


@dataclass
class Broken(Logger):
    name: str = "broken"

    def log(self, run: Tracked) -> None:
        raise OSError("the server is down")


def test_a_tracker_that_is_down_takes_no_run_down(
    tracked: Callable[..., Tracked], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        track(Broken(), tracked())
    assert "logger=broken: " in caplog.text
    assert "(OSError: the server is down). The run itself is complete." in caplog.text
