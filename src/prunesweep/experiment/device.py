"""A run from its configuration to its result; reads like a paper's method section, one line a stage."""

from __future__ import annotations

import os

import torch

from prunesweep.errors import UsageError


def use_device(device: str, threads: int) -> str:
    """Make torch repeatable on `device` with so many threads; the device's name, `auto` resolved."""
    if device != "cpu" and not torch.cuda.is_available():
        if device != "auto":
            raise UsageError(f"device={device}: this machine has no CUDA device. Allowed are cpu and auto.")
        device = "cpu"
    elif device in ("auto", "cuda"):
        device = "cuda:0"
    elif device != "cpu" and int(device.partition(":")[2]) >= torch.cuda.device_count():
        raise UsageError(
            f"device={device}: this machine has {torch.cuda.device_count()} CUDA device(s), from cuda:0 on."
        )
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for to be repeatable
    # Not by use_deterministic_algorithms, which imports Inductor and takes as long as the import of torch itself.
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs time, not bits
    torch.set_num_threads(threads)
    return device
