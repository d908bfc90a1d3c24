import pytest
import yaml
from support import ROOT

from prunesweep.data.sources import SOURCES


@pytest.mark.parametrize("name", SOURCES)
def test_every_data_set_is_an_option_that_repeats_nothing_of_the_table(name: str) -> None:
    settings = yaml.safe_load((ROOT / "conf" / "dataset" / f"{name}.yaml").read_text())
    assert settings.pop("name") == name
    assert settings.keys() <= {"defaults", "root"}
