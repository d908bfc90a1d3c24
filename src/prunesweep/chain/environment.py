"""A chain under way: what the store holds is read, what it lacks is computed, in order.

`digest(k) = H(digest(k-1), step k)`, begun with the digest of the environment. Two states are the same if and only if
their digests are. What goes in, all of it, and tests/test_digest.py goes through this list:

- environment: the format of an entry, torch's release, the model of the device, on a CPU its vector unit, the threads
- each step: its kind, and the version of its code
- Init: the network's settings, the source text of its class (of the whole module for a user's own), the shape of an
  image, the seed
- TrainEpoch and Evaluate: the data, which is the bytes of its files, its split and its normalisation
- TrainEpoch: the optimizer's settings, the epoch's own learning rate, the batch size, the epoch's number, the seed
- Prune: criterion, scope and amount, the source of a user's own criterion, the layers, its number, the seed

What does not change the bits stays out: where data, runs and the store lie, and how large that may be; the index of a
device; how layers, learning rates and settings were written, as long as they come to the same; logging, and all else
of Hydra's.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from typing import Any

import torch

from prunesweep.chain.steps import Step
from prunesweep.files import canonical

FORMAT = 1  # raised when what an entry of the store holds changes its meaning


def environment(device: str, threads: int) -> dict[str, Any]:
    """What else changes the bits: the root of every digest.

    The kind of device is its model: another one sums in another order. On CUDA too the threads count, since pruning
    scores weights on the CPU.
    """
    cuda = device.startswith("cuda")
    return {
        "format": FORMAT,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if cuda else _processor(),
        "threads": threads,
    }


def _processor() -> str:
    """The model of the CPU, and the vector unit that torch uses of it, like `AMD EPYC AVX2`."""
    told = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{told.get('cpu_name') or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def extend(digest: str, description: Any) -> str:
    """The digest of what `description` makes of the state with `digest`."""
    return hashlib.sha256(digest.encode() + canonical(description)).hexdigest()


def digests(root: dict[str, Any], chain: Sequence[Step]) -> list[str]:
    """The digest after each step of `chain`, in the environment `root`."""
    result = [extend("", root)]
    for step in chain:
        result.append(extend(result[-1], step.describe()))
    return result[1:]
