from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prunesweep.chain.schedules.settings import OneShot
from prunesweep.config import RunConfig
from prunesweep.data.settings import Dataset
from prunesweep.models.settings import LeNet300100
from prunesweep.store.settings import StoreSettings
from prunesweep.tracking.loggers import NoLogger
from prunesweep.training.phases import FineTune, Train
from prunesweep.training.settings import SGD


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., RunConfig]:
    """The settings of a run that takes a fraction of a second, with changes. These tests compose no configs."""

    def make(**changes: Any) -> RunConfig:
        short = RunConfig(
            model=LeNet300100(),
            dataset=Dataset(validation=3_500),
            schedule=OneShot(),
            optimizer=SGD(),
            logger=NoLogger(),
            train=Train(epochs=0),
            finetune=FineTune(epochs=0),
            store=StoreSettings(dir=str(tmp_path / "store")),
            device="cpu",
            threads=1,
        )
        return replace(short, **changes)

    return make
