"""What latencies depend on: the processor, the versions of packages, and the C compiler."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import PackageNotFoundError, version

from prunesweep.experiment.provenance import CPUINFO, cpu_name
from prunesweep.export.c.compiler import find_compiler

PACKAGES = ("torch", "onnxruntime")


def machine() -> dict[str, str]:
    """Return the processor and the versions of what is installed, by name."""
    found = {"processor": f"{cpu_name(CPUINFO)}, {os.cpu_count()} cores"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    compiler = _compiler()
    return {**found, "C compiler": compiler} if compiler else found


def _compiler() -> str | None:
    """Return the first line that the C compiler prints about its version. None: there is no compiler."""
    command = find_compiler()
    if command is None:
        return None
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return command[0]
    return (done.stdout.splitlines() or command)[0]
