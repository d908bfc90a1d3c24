"""How a machine's cores and GPUs are shared among the runs that a launcher starts at once on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

from omegaconf import DictConfig, OmegaConf

from prunesweep.errors import EXTRAS, UsageError


def check_installed(config: DictConfig) -> None:
    """Raise `UsageError` where the launcher that was chosen is not installed."""
    chosen = config.hydra.runtime.choices.get("hydra/launcher")
    package = ".".join(config.hydra.launcher["_target_"].split(".")[:2])
    if find_spec(package) is None:
        raise UsageError(f"hydra/launcher={chosen}: is not installed. pip install -e '.[{EXTRAS.get(chosen, chosen)}]'")


def at_once(config: DictConfig) -> int:
    """How many runs the launcher has under way at once on one machine."""
    launcher = config.hydra.launcher
    jobs = OmegaConf.select(launcher, "n_jobs")  # joblib's
    if jobs is not None:
        return cores() + 1 + int(jobs) if int(jobs) < 0 else int(jobs)
    if OmegaConf.select(launcher, "ray") is not None:
        return _of_ray(launcher)
    parallel = OmegaConf.select(launcher, "array_parallelism")  # Slurm's
    return int(parallel) if parallel is not None else 1


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _of_ray(launcher: DictConfig) -> int:
    have = OmegaConf.select(launcher, "ray.init.num_cpus") or cores()
    return max(1, int(have / (OmegaConf.select(launcher, "ray.remote.num_cpus") or 1)))


def share(config: DictConfig, arguments: Sequence[str]) -> list[str]:
    """`threads=…` for each of the runs of a launcher that shares this machine's cores, unless `arguments` set it.

    Threads are part of what a result depends on, so the share is written into the settings of each run.
    """
    given = any(argument.lstrip("+").startswith("threads=") for argument in arguments)
    together = 1 if OmegaConf.select(config.hydra.launcher, "array_parallelism") is not None else at_once(config)
    if given or together == 1:
        return []
    return [f"threads={max(1, min(config.threads, cores() // together))}"]


def device(config: DictConfig, number: int) -> list[str]:
    """`device=cuda:N` for run `number` where joblib's workers share several GPUs; Ray and Slurm give each its own."""
    if OmegaConf.select(config.hydra.launcher, "n_jobs") is None or config.device not in ("auto", "cuda"):
        return []
    import torch

    count = torch.cuda.device_count()
    return [f"device=cuda:{number % count}"] if count > 1 else []
