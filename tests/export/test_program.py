import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export import program
from prunesweep.export.description import Description, loads


def test_round_trip(network: nn.Module, description: Description, tmp_path: Path) -> None:
    path = tmp_path / "f.pt2"
    program.save(network, path, description)
    assert loads(path, program.described(path)) == description
    loaded = program.load(path, description, True)
    for number in (1, 7):
        images = torch.randn(number, 1, 28, 28)
        torch.testing.assert_close(loaded(images), network(images))
    with pytest.raises(UsageError, match="is code, reading it may run anything. --trust allows it"):
        program.load(path, description, False)


def test_another_zip_file_has_no_description(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f", "w") as archive:
        archive.writestr("x", "")
    assert program.described(tmp_path / "f") is None
