"""How the runs that a launcher executes at the same time share the cores and GPUs of a machine."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from prunesweep.config import AUTO
from prunesweep.errors import UsageError
from prunesweep.messages import EXTRAS

if TYPE_CHECKING:
    from prunesweep.experiment.forecast import Forecast

SHORT = 5.0
"""With less work in seconds, `workers=auto` starts no processes."""
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


def parallel_runs(config: DictConfig, forecast: Forecast | None = None) -> int:
    """Return the number of runs that the launcher executes at the same time."""
    launcher = config.hydra.launcher
    if is_local(config):
        return workers(config, forecast)
    jobs = OmegaConf.select(launcher, "n_jobs")  # joblib
    if jobs is not None:
        return cores() + 1 + int(jobs) if int(jobs) < 0 else int(jobs)
    if OmegaConf.select(launcher, "ray") is not None:
        return _parallel_ray_runs(launcher)
    parallel = OmegaConf.select(launcher, "array_parallelism")  # Slurm
    return int(parallel) if parallel is not None else 1


def is_local(config: DictConfig) -> bool:
    """Return whether the launcher is the default one."""
    return str(config.hydra.launcher["_target_"]).endswith(".LocalLauncher")


def workers(config: DictConfig, forecast: Forecast | None = None) -> int:
    """Return the number of processes of the default launcher: with `workers=auto`, as many as have work.

    If runs use GPUs, each GPU has one process. Starting processes takes a second or two. If less than `SHORT` seconds
    of work are left, this process does it.
    """
    if config.workers != AUTO:
        return int(config.workers)
    most = gpus(config) or max(1, cores() // int(config.threads))
    if forecast is None:
        return most
    is_short = not forecast.tree.unknown and forecast.seconds() < SHORT
    return 1 if is_short else min(most, max(1, forecast.runs))


def cores() -> int:
    """Return the number of cores that this process may use. Knows affinity and the limits of containers."""
    from joblib import cpu_count

    return int(cpu_count())


def prepare(config: DictConfig) -> None:
    """Let worker processes import what they need while this process checks and plans the sweep, if it can have any."""
    if config.dry_run or not is_local(config) or str(config.workers) == "1":
        return
    if config.workers == AUTO and cores() // int(config.threads) < 2:
        return
    from prunesweep.workers import prepare

    prepare()


def gpus(config: DictConfig) -> int:
    """Return the number of GPUs that runs choose from: 0 if they use the CPU, 1 if `device` gives its number."""
    if config.device not in ("auto", "cuda"):
        return int(config.device != "cpu")
    import torch

    return torch.cuda.device_count()


def environments(config: DictConfig) -> list[dict[str, str]]:
    """Return the environment variables of processes that divide several GPUs among them, one for each GPU."""
    count = gpus(config)
    names = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    return [{"CUDA_VISIBLE_DEVICES": name} for name in names.split(",")[:count]] if count > 1 else []


def _parallel_ray_runs(launcher: DictConfig) -> int:
    total = OmegaConf.select(launcher, "ray.init.num_cpus") or cores()
    return max(1, int(total / (OmegaConf.select(launcher, "ray.remote.num_cpus") or 1)))


def device(config: DictConfig, number: int) -> list[str]:
    """Return `device=cuda:N` for run `number` if joblib's workers share several GPUs.

    Ray and Slurm assign GPUs to their jobs themselves.
    """
    if OmegaConf.select(config.hydra.launcher, "n_jobs") is None or config.device not in ("auto", "cuda"):
        return []
    count = gpus(config)
    return [f"device=cuda:{number % count}"] if count > 1 else []
