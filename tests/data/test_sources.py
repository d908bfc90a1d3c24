import pytest
import yaml
from support import ROOT

from prunesweep.data.sources import SOURCES


@pytest.mark.parametrize("name", SOURCES)
def test_the_usual_validation_split_is_that_of_the_settings(name: str) -> None:
    settings = yaml.safe_load((ROOT / "conf" / "dataset" / f"{name}.yaml").read_text())
    assert settings["validation"] == SOURCES[name].validation
