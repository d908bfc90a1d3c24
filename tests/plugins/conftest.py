from collections.abc import Iterator

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from support import ROOT


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    """Hydra's loader of `conf/`."""
    with initialize_config_dir(str(ROOT / "conf")):
        yield GlobalHydra.instance().config_loader()
