from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from searches import short

from prunesweep.config import RunConfig
from prunesweep.store.settings import StoreSettings


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., RunConfig]:
    """The settings of a run that takes a fraction of a second, with changes. These tests compose no configs."""

    def make(**changes: Any) -> RunConfig:
        return short(**{"store": StoreSettings(dir=str(tmp_path / "store")), **changes})

    return make
