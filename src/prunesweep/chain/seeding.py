"""The state of a run between two steps, and what brings it to life: a network and an optimizer that carry it.

No global random state: whatever is drawn comes from a seed that the chain gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator


def derived_seed(seed: int, kind: str, index: int) -> int:
    """The seed of one step: drawn from the chain, never from wherever a generator happened to be."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{kind}/{index}".encode()).digest()[:8], "big") >> 1


def generator_of(seed: int) -> Generator:
    """A generator on the CPU, whatever the device: the same order of examples everywhere."""
    return torch.Generator().manual_seed(seed)


@contextmanager
def drawing_from(seed: int, device: str) -> Iterator[None]:
    """Torch's global random state seeded within, and as it was before afterwards."""
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield
