"""Where a result comes from: `provenance.json` in every run directory, and how two of them differ.

What a process can ask once it asks once, so that a job of a sweep pays a millisecond or two.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prunesweep.chain.execution import Execution
from prunesweep.chain.state import State
from prunesweep.files import canonical, write_atomically
from prunesweep.results.run_directory import PROVENANCE

CHECKOUT = Path(__file__).parents[2]
CPUINFO = Path("/proc/cpuinfo")


def write(folder: Path, execution: Execution, root: Mapping[str, Any], data: str, final: State, seconds: float) -> None:
    """Write `provenance.json` of a run into its directory `folder`.

    Args:
        folder: the run directory.
        execution: the chain, done.
        root: what the chain's first digest is made of, as `chain.environment` gives it.
        data: the fingerprint of the data.
        final: the state at the end.
        seconds: wall time of the run.
    """
    steps = zip(execution.chain, execution.digests, strict=True)
    told = {
        **here(),
        "environment": dict(root),
        "data": data,
        "steps": [{"step": type(step).__name__, "digest": digest} for step, digest in steps],
        "masks": tensor_hash(final.masks),
        "weights": tensor_hash(final.weights),
        "seconds": seconds,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    write_atomically(folder / PROVENANCE, (json.dumps(told, indent=2) + "\n").encode())


@lru_cache(maxsize=1)
def here() -> dict[str, Any]:
    """What holds for the whole process: code, packages, machine."""
    return {
        "git": checkout(CHECKOUT),
        "python": platform.python_version(),
        "packages": packages(),
        "os": platform.platform(),
        "cpu": cpu(CPUINFO),
        "cores": os.cpu_count(),
        "gpu": gpus(),
    }


def checkout(folder: Path) -> dict[str, Any] | None:
    """Commit of the git checkout in `folder`, and whether code or settings differ from it; None if it is none."""
    if not (folder / ".git").exists():  # an installed package may lie within a checkout of something else
        return None
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--", "src", "conf", "run.py"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # read-only: many jobs may ask at once
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), None)
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}


def packages() -> dict[str, str]:
    """Version of prunesweep and of each package that it cannot do without."""
    required = [text for text in metadata.requires("prunesweep") or () if "extra ==" not in text]
    names = sorted(re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in required)
    return {name: version for name in ("prunesweep", *names) if (version := _version(name))}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu(cpuinfo: Path) -> str:
    """The processor's name."""
    try:
        with cpuinfo.open() as lines:
            named = next((line for line in lines if line.startswith("model name")), "")
    except OSError:
        named = ""
    return named.partition(":")[2].strip() or platform.processor() or platform.machine()


def gpus() -> list[str]:
    """The names of the CUDA devices."""
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def tensor_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and bits, whatever the order and the layout in memory; masks as packed bits."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        array = np.ascontiguousarray(tensor.detach().cpu().numpy())
        found.update(canonical([name, str(array.dtype), list(array.shape)]))
        found.update((np.packbits(array) if array.dtype == np.bool_ else array).tobytes())
    return found.hexdigest()


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """What of the environment differs: a dotted name, its value in `one` and in `other`."""
    for key in ("environment", "data", "git", "python", "packages", "os", "cpu", "gpu"):
        a, b = one.get(key), other.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            both = ((name, a.get(name), b.get(name)) for name in {**a, **b})
            yield from ((f"{key}.{name}", left, right) for name, left, right in both if left != right)
        elif a != b:
            yield key, a, b
