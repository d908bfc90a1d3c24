import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Compose

from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment
from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.loggers import LOGGERS, NoLogger


def test_no_logger_writes_nothing(tracked: Callable[..., RunDirectory]) -> None:
    run = tracked()
    before = sorted(run.folder.rglob("*"))
    NoLogger().log(run, None)
    assert sorted(run.folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_extra_is_reported_before_the_run(
    name: str, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=rf"logger={name} needs {name}: install prunesweep with its extra \[{name}\]"):
        composed(f"logger={name}")


def test_a_logger_does_not_change_the_digest(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    short = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", f"store.dir={tmp_path / 'store'}")
    configs = [composed(*short, f"logger={logger.name}") for logger in LOGGERS]  # type: ignore[attr-defined]
    monkeypatch.undo()
    digests = {experiment.run(config, tmp_path / config.logger.name).digest for config in configs}
    assert len(configs) == 4
    assert len(digests) == 1


def test_importing_the_loggers_imports_neither_torch_nor_a_tracker() -> None:
    heavy = "{'torch', 'mlflow', 'tensorboard', 'wandb', 'filelock'}"
    code = f"import sys, prunesweep.tracking.loggers; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
