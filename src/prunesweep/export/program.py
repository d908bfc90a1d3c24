"""`torch`: a program of `torch.export`, which runs without the class of the network. Any number of images at once.

Reading one back unpickles parts of it: such a file is code, and read only when it is trusted.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export.description import KEY, Description

EXTRA = f"{KEY}.json"


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the program of `model`."""
    images = torch.zeros(2, *description.shape)  # two, since one would be taken for a constant
    program = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, path, extra_files={EXTRA: description.dumps()})


def load(path: Path, description: Description, trust: bool) -> nn.Module:  # noqa: ARG001
    """The program of the file at `path` as a module."""
    if not trust:
        raise UsageError(f"{path}: a torch.export program is code, reading it may run anything. --trust allows it.")
    return torch.export.load(path).module()


def described(path: Path) -> bytes | None:
    """The description that lies in the file at `path`, without running anything of it."""
    with zipfile.ZipFile(path) as archive:
        inner = next((name for name in archive.namelist() if name.endswith(f"extra/{EXTRA}")), None)
        return archive.read(inner) if inner else None
