"""Random numbers from explicit seeds. Nothing depends on the global random state of torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Generator


def derived_seed(seed: int, kind: str, index: int) -> int:
    """Return the seed of one step, derived from the run's seed, the kind of step and its index."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{kind}/{index}".encode()).digest()[:8], "big") >> 1


def generator_of(seed: int) -> Generator:
    """Return a generator on the CPU, so that the order of examples is the same on every device."""
    return torch.Generator().manual_seed(seed)


def evaluating(device: str) -> AbstractContextManager[None]:
    """Return the context in which networks are evaluated: one that draws random numbers always draws the same ones."""
    return drawing_from(derived_seed(0, "evaluate", 0), device)


@contextmanager
def drawing_from(seed: int, device: str) -> Iterator[None]:
    """Seed torch's global random state within the context and restore it afterwards."""
    on_gpu = device.startswith("cuda")
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        (torch.manual_seed if on_gpu else torch.default_generator.manual_seed)(seed)  # the first one takes longer
        yield
