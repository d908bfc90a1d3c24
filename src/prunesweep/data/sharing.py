"""Tensors that the workers of a sweep share: one of them writes a file, and all map it into their memory."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from prunesweep.files import write_atomically

log = logging.getLogger(__name__)
Tensors = Mapping[str, Tensor]
_folders: list[Path] = []


def share_in(folder: Path) -> None:
    """Let this process share tensors with all processes that use `folder`, which is created when it is needed."""
    _folders[:] = [folder]


def is_sharing() -> bool:
    """Return whether this process shares tensors with others."""
    return bool(_folders)


def shared(key: str, make: Callable[[], Tensors]) -> Tensors:
    """Return the tensors `make()`, from the files of another process if there are any.

    The values and the strides are the same in all processes. Without a shared folder, or if it cannot be used, this is
    `make()`.

    Args:
        key: Identifies the tensors.
        make: Returns dense tensors on the CPU.
    """
    if not is_sharing():
        return make()
    folder = _folders[0] / hashlib.sha256(key.encode()).hexdigest()
    try:
        _folders[0].mkdir(0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
        with FileLock(folder / "lock"):
            if not (folder / "tensors.json").exists():
                _write(folder, make())
        return _read(folder)
    except OSError as error:
        log.warning("The data cannot be shared between workers (%s): each worker keeps a copy.", error)
        return make()


def _write(folder: Path, tensors: Tensors) -> None:
    layouts = {}
    for number, (name, tensor) in enumerate(tensors.items()):
        np.save(folder / f"{number}.npy", tensor.as_strided((tensor.numel(),), (1,)).numpy())
        layouts[name] = [f"{number}.npy", list(tensor.shape), list(tensor.stride())]
    write_atomically(folder / "tensors.json", json.dumps(layouts).encode(), durable=False)


def _read(folder: Path) -> Tensors:
    layouts = json.loads((folder / "tensors.json").read_bytes())
    return {
        name: torch.from_numpy(np.load(folder / file, mmap_mode="c", allow_pickle=False)).as_strided(shape, stride)
        for name, (file, shape, stride) in layouts.items()
    }
