from collections.abc import Callable
from pathlib import Path

import pytest
from support import Compose

from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment
from prunesweep.tracking.loggers import LOGGERS, NoLogger
from prunesweep.tracking.tracked import Tracked


def test_none_leaves_nothing(tracked: Callable[..., Tracked]) -> None:
    run = tracked()
    before = sorted(run.folder.rglob("*"))
    NoLogger().log(run)
    assert sorted(run.folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_an_extra_that_is_not_installed(name: str, composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=rf"logger={name} needs {name}: install prunesweep with its extra \[{name}\]"):
        composed(f"logger={name}")


def test_a_logger_changes_no_digest(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    short = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", f"store.dir={tmp_path / 'store'}")
    configs = [composed(*short, f"logger={logger.name}") for logger in LOGGERS]  # type: ignore[attr-defined]
    monkeypatch.undo()
    digests = {experiment.run(config, tmp_path / config.logger.name).digest for config in configs}
    assert len(configs) == 3
    assert len(digests) == 1
