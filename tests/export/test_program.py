import zipfile
from pathlib import Path

import torch
from torch import nn

from prunesweep.export import program
from prunesweep.export.description import Description, loads


def test_the_program_and_its_description_are_read_back(
    network: nn.Module, description: Description, tmp_path: Path
) -> None:
    path = tmp_path / "f.pt2"
    program.save(network, path, description)
    assert loads(path, program.read_description(path)) == description
    loaded = program.load(path, description)
    for number in (1, 7):
        images = torch.randn(number, 1, 28, 28)
        torch.testing.assert_close(loaded(images), network(images))


def test_another_zip_file_does_not_have_a_description(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f", "w") as archive:
        archive.writestr("x", "")
    assert program.read_description(tmp_path / "f") is None
