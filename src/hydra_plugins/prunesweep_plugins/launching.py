"""How the runs that a launcher executes at the same time share the cores and GPUs of a machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

from omegaconf import DictConfig, OmegaConf

from prunesweep.errors import EXTRAS, UsageError

EXTENDED = {
    "RayLauncher": "hydra_plugins.hydra_ray_launcher",
    "SlurmLauncher": "hydra_plugins.hydra_submitit_launcher",
}
"""The launchers of `clusters`, and the packages of Hydra's launchers that they extend."""


def check_installed(config: DictConfig) -> None:
    """Check that the chosen launcher is installed.

    Raises:
        UsageError: It is not. The message contains the command that installs it.
    """
    option = config.hydra.runtime.choices.get("hydra/launcher")
    target = config.hydra.launcher["_target_"]
    package = EXTENDED.get(target.rpartition(".")[2], ".".join(target.split(".")[:2]))
    if find_spec(package) is None:
        raise UsageError(f"hydra/launcher={option}: is not installed. pip install -e '.[{EXTRAS.get(option, option)}]'")


def parallel_runs(config: DictConfig) -> int:
    """Return the number of runs that the launcher executes at the same time."""
    launcher = config.hydra.launcher
    jobs = OmegaConf.select(launcher, "n_jobs")  # joblib
    if jobs is not None:
        return cores() + 1 + int(jobs) if int(jobs) < 0 else int(jobs)
    if OmegaConf.select(launcher, "ray") is not None:
        return _parallel_ray_runs(launcher)
    parallel = OmegaConf.select(launcher, "array_parallelism")  # Slurm
    return int(parallel) if parallel is not None else 1


def in_this_process(config: DictConfig) -> bool:
    """Return whether the launcher executes the runs in this process, one after the other."""
    return str(config.hydra.launcher["_target_"]).endswith(".BasicLauncher")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parallel_ray_runs(launcher: DictConfig) -> int:
    total = OmegaConf.select(launcher, "ray.init.num_cpus") or cores()
    return max(1, int(total / (OmegaConf.select(launcher, "ray.remote.num_cpus") or 1)))


def threads(config: DictConfig, arguments: Sequence[str]) -> list[str]:
    """Return `threads=N` for each of the runs that share the cores of this machine, unless `arguments` contain it.

    Results depend on the number of threads, so it is part of the settings of each run.
    """
    given = any(argument.lstrip("+").startswith("threads=") for argument in arguments)
    on_slurm = OmegaConf.select(config.hydra.launcher, "array_parallelism") is not None  # each job has its own cores
    runs = 1 if on_slurm else parallel_runs(config)
    if given or runs == 1:
        return []
    return [f"threads={max(1, min(config.threads, cores() // runs))}"]


def device(config: DictConfig, number: int) -> list[str]:
    """Return `device=cuda:N` for run `number` if joblib's workers share several GPUs.

    Ray and Slurm assign GPUs to their jobs themselves.
    """
    if OmegaConf.select(config.hydra.launcher, "n_jobs") is None or config.device not in ("auto", "cuda"):
        return []
    import torch

    count = torch.cuda.device_count()
    return [f"device=cuda:{number % count}"] if count > 1 else []
