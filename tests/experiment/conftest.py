"""The settings of short runs."""

from pathlib import Path

import pytest
from support import Compose

from prunesweep.config import RunConfig

SHORT = ("model=lenet_300_100", "train.epochs=1", "finetune.epochs=1", "device=cpu", "threads=1")


@pytest.fixture
def short(composed: Compose, tmp_path: Path) -> Compose:
    def make(*overrides: str) -> RunConfig:
        return composed(*SHORT, f"store.dir={tmp_path / 'store'}", *overrides)

    return make
