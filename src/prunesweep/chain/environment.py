"""Digests: one ID for everything that can change the bits of a result.

`digest(k) = H(digest(k-1), step k)`, starting from the digest of the environment. Two states are equal if and only if
their digests are equal. A digest contains:

- the environment: the format of the store, the torch release, the model of the device (on a CPU with its vector unit),
  the number of threads, and on a CPU a self-test of its arithmetic (`arithmetic.py`);
- each step: its kind, its settings, and a hash of the code that computes it (`prunesweep.code.hashing`);
- `Init`: the initial weights, and the code of a user's own network with every local module that it imports;
- training and scores: the data, as a fingerprint of the files, the split and the normalization;
- pruning: the resolved `PruneSpec`, and the code of a user's own criterion.

A digest does not contain paths, the index of a device, how a setting was written, logging, or Hydra's own settings.
`tests/chain/test_digest.py` checks each setting against its role in `prunesweep.roles`.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from prunesweep.chain.arithmetic import arithmetic
from prunesweep.chain.steps import Step
from prunesweep.files import canonical

FORMAT = 3  # increase when the meaning of a stored entry changes


def environment(device: str, threads: int, *, portable: bool = False) -> dict[str, Any]:
    """Return what changes the bits besides the steps: the start of every digest.

    The device is identified by its model, because other models sum in another order. Threads count on CUDA too,
    because pruning ranks weights on the CPU. Portable arithmetic (see `prunesweep.experiment.device`) is the same on
    all processors, so their model is left out.
    """
    found = {"format": FORMAT, "torch": torch.__version__, "threads": threads}
    if device.startswith("cuda"):
        return {**found, "device": torch.cuda.get_device_name(device)}
    return {**found, "device": "portable" if portable else _processor(), "arithmetic": arithmetic(threads)}


def _processor() -> str:
    """Return the model of the CPU and the vector unit that torch uses, such as `AMD EPYC AVX2`."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{capabilities.get('cpu_name') or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def extend(digest: str, description: Any) -> str:
    """Return the digest of what `description` makes of the state with `digest`."""
    return hashlib.sha256(digest.encode() + canonical(description)).hexdigest()


def digests(root: Mapping[str, Any], chain: Sequence[Step]) -> list[str]:
    """Return the digest after each step of `chain` in the environment `root`."""
    result = [extend("", dict(root))]
    for step in chain:
        result.append(extend(result[-1], step.describe()))
    return result[1:]
