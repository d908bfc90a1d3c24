"""Paths and types shared by the tests and their fixtures."""

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from prunesweep.config import RunConfig

ROOT = Path(__file__).parent.parent
FORKS = sys.platform == "linux"  # elsewhere, forking a process that has loaded torch is unsafe or impossible

Compose = Callable[..., RunConfig]
Completed = Callable[..., Path]


@dataclass(frozen=True)
class Finished:
    """The exit code and the output of a finished command."""

    code: int
    out: str
    err: str


Command = Callable[..., Finished]


def edit(run: Path, **values: Any) -> None:
    """Set keys of the saved config, `__` for a dot."""
    path = run / ".hydra" / "config.yaml"
    config = OmegaConf.load(path)
    for key, value in values.items():
        OmegaConf.update(config, key.replace("__", "."), value, force_add=True)
    path.write_text(OmegaConf.to_yaml(config))


def change(path: Path, **values: Any) -> None:
    """Set fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


TINY = ("-m", "search=tradeoff", "model=lenet_300_100", "dataset.validation=3500", "train.epochs=0", "threads=1")
SPACE = ("prune.amount=range(0.1,0.9,step=0.1)", "finetune.epochs=choice(0)", "layers=choice(all,fc)")


def trials(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


def results(folder: Path) -> Any:
    return OmegaConf.to_container(OmegaConf.load(folder / "optimization_results.yaml"))
