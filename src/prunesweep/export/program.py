"""`torch`: a `torch.export` program for any batch size, which does not need the class of the network.

Loading a program unpickles parts of it, so such a file is code and requires trust.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from torch import nn

from prunesweep.export.description import KEY, Description
from prunesweep.export.protocol import Executes, Format

DESCRIPTION_FILE = f"{KEY}.json"


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the program of `model`."""
    images = torch.zeros(2, *description.shape)  # a batch of one image would become a constant batch size
    program = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, path, extra_files={DESCRIPTION_FILE: description.dumps()})


def load(path: Path, _: Description) -> nn.Module:
    """Return the program in the file at `path` as a module. Executes code in the file."""
    return torch.export.load(path).module()


def read_description(path: Path) -> bytes | None:
    """Return the JSON of the description in the file at `path`, or None. Executes nothing in the file."""
    with zipfile.ZipFile(path) as archive:
        member = next((name for name in archive.namelist() if name.endswith(f"extra/{DESCRIPTION_FILE}")), None)
        return archive.read(member) if member else None


FORMAT = Format("torch", ".pt2", exact=False, executes=Executes.FILE, save=save, load=load)
