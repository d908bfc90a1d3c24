"""The origin of a result: `provenance.json` in every run directory, and the differences between two of them.

Facts about the process are collected once per process, so that they do not slow down the jobs of a sweep.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from prunesweep.chain.execution import Execution
from prunesweep.chain.state import State, tensor_hash
from prunesweep.files import write_atomically
from prunesweep.results.result import PROVENANCE

CHECKOUT = Path(__file__).parents[3]
CODE_PATHS = ("src", "conf", "run.py")
CPUINFO = Path("/proc/cpuinfo")
COMPARED = ("environment", "data", "git", "python", "packages", "os", "cpu", "gpu")


def write(
    folder: Path, execution: Execution, environment: Mapping[str, Any], data: str, final: State, seconds: float
) -> None:
    """Write `provenance.json` into the run directory `folder`.

    Args:
        folder: The run directory.
        execution: The executed chain.
        environment: The values behind the chain's first digest, from `chain.environment`.
        data: The fingerprint of the data.
        final: The final state.
        seconds: The wall time of the run.
    """
    steps = zip(execution.chain, execution.digests, strict=True)
    content = {
        **process_facts(),
        "environment": dict(environment),
        "data": data,
        "steps": [{"step": type(step).__name__, "digest": digest} for step, digest in steps],
        "masks": tensor_hash(final.masks),
        "weights": tensor_hash(final.weights),
        "seconds": seconds,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    write_atomically(folder / PROVENANCE, (json.dumps(content, indent=2) + "\n").encode())


@cache
def process_facts() -> dict[str, Any]:
    """Return the facts that are constant within a process: code, packages and machine."""
    return {
        "git": git_state(CHECKOUT),
        "python": platform.python_version(),
        "packages": package_versions(),
        "os": platform.platform(),
        "cpu": cpu_name(CPUINFO),
        "cores": os.cpu_count(),
        "gpu": gpu_names(),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit of the git checkout `folder` and whether its code or settings have uncommitted changes.

    Returns:
        `commit` and `dirty`, or None if `folder` is not the root of a checkout or git is not available.
    """
    if not (folder / ".git").exists():  # an installed package may be inside the checkout of another project
        return None
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--", *CODE_PATHS]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # parallel jobs must not wait for each other
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), None)
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}


def package_versions() -> dict[str, str]:
    """Return the versions of prunesweep and of its required packages."""
    required = [text for text in metadata.requires("prunesweep") or () if "extra ==" not in text]
    names = sorted(re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in required)
    return {name: version for name in ("prunesweep", *names) if (version := _version(name))}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_name(cpuinfo: Path) -> str:
    """Return the model name of the processor, from `cpuinfo` if that file exists."""
    try:
        with cpuinfo.open() as lines:
            line = next((line for line in lines if line.startswith("model name")), "")
    except OSError:
        line = ""
    return line.partition(":")[2].strip() or platform.processor() or platform.machine()


def gpu_names() -> list[str]:
    """Return the names of the CUDA devices."""
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the dotted name and the two values of each difference between two environments.

    Args:
        first: The content of one `provenance.json`.
        second: The content of another `provenance.json`.
    """
    for key in COMPARED:
        left, right = first.get(key), second.get(key)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            values = [(f"{key}.{name}", left.get(name), right.get(name)) for name in {**left, **right}]
        else:
            values = [(key, left, right)]
        yield from (value for value in values if value[1] != value[2])
