"""The device of a run, and the settings that make torch compute the same bits each time."""

from __future__ import annotations

import os
import platform

import torch

from prunesweep.errors import UsageError

PORTABLE = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"}
"""Environment variables with which torch, MKL and oneDNN use only instructions that all x86-64 processors have."""


def use_device(device: str, threads: int, *, portable: bool = False) -> str:
    """Make torch repeatable on `device` with `threads` CPU threads, and return the name of the device.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`. `auto` selects the first CUDA device, or the CPU if there is none.
        threads: The number of CPU threads. It affects the last bits of sums.
        portable: Whether to compute the same bits on every x86-64 processor, more slowly.

    Returns:
        `cpu` or `cuda:N`.

    Raises:
        UsageError: This machine does not have the device, or it cannot compute portably.
    """
    if portable:
        _compute_portably(device)
        device = "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        if device != "auto":
            raise UsageError(f"device={device}: this machine does not have a CUDA device. Allowed are cpu and auto.")
        device = "cpu"
    elif device in ("auto", "cuda"):
        device = "cuda:0"
    elif device != "cpu" and int(device.partition(":")[2]) >= (count := torch.cuda.device_count()):
        raise UsageError(f"device={device}: this machine has {count} CUDA device(s), numbered from cuda:0.")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS requires it for repeatable results
    # use_deterministic_algorithms would import Inductor, which takes as long as the import of torch itself.
    torch.set_deterministic_debug_mode("error")
    # Filling uninitialized memory takes time and cannot change a result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    return device


def _compute_portably(device: str) -> None:
    """Restrict the libraries' instructions. They read the variables once, before their first computation."""
    if device not in ("auto", "cpu") or platform.machine().lower() not in ("x86_64", "amd64"):
        raise UsageError("portable=true: is available on the CPU of x86-64 machines only.")
    os.environ.update(PORTABLE)
    if torch.backends.cpu.get_cpu_capability() != "DEFAULT":
        raise UsageError(
            "portable=true: torch has computed with other instructions in this process already. Start a new process."
        )
