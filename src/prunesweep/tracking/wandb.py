"""`logger=wandb`: one W&B run per run. The runs of a sweep form one group.

The ID of a W&B run is a hash of the run directory, so a repeated run replaces its earlier record. Offline, W&B writes
to the run directory, and `wandb sync` uploads the files later.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.errors import check_choice, need_extra
from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.content import artifacts, curves, metrics, run_name, settings
from prunesweep.tracking.logger import Logger

FOLDER = "wandb"
MODES = ("offline", "online")


@dataclass
class WandB(Logger):
    """Records curves, final metrics, settings and files with Weights & Biases.

    Attributes:
        project: The W&B project that contains the runs.
        entity: The user or team that owns the project. If null, W&B's own default applies.
        mode: `offline` writes to the run directory and needs no account. `online` sends to the server of `wandb login`.
    """

    name: str = "wandb"
    project: str = "prunesweep"
    entity: str | None = None
    mode: str = "offline"

    def __post_init__(self) -> None:
        check_choice("logger.mode", self.mode, MODES)
        need_extra("logger=wandb", "wandb", "wandb")

    def log(self, run: RunDirectory, sweep: Path | None) -> None:
        import wandb

        identity = hashlib.sha256(str(run.folder.resolve()).encode()).hexdigest()[:16]
        for earlier in (run.folder / FOLDER).glob(f"*-{identity}"):
            shutil.rmtree(earlier)
        options: dict[str, Any] = {"project": self.project, "entity": self.entity, "mode": self.mode}
        names: dict[str, Any] = {"name": run_name(run, sweep), "group": "/".join(sweep.parts[-2:]) if sweep else None}
        config = {**settings(run), "directory": str(run.folder.resolve())}
        with wandb.init(
            **options, **names, id=identity, dir=run.folder, config=config, reinit="create_new", settings=_quiet()
        ) as record:
            for epoch, values in sorted(_by_epoch(run).items()):
                record.log(values, step=epoch)
            record.summary.update(metrics(run))
            for path in artifacts(run):
                record.save(path, base_path=run.folder, policy="now")


def _quiet() -> Any:
    """Return settings without W&B's messages, and without measurements of this machine, its code and its output."""
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        disable_code=True,
        disable_git=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )


def _by_epoch(run: RunDirectory) -> dict[int, dict[str, float]]:
    """Return the values of each epoch, because W&B records all values of a step together."""
    epochs: dict[int, dict[str, float]] = defaultdict(dict)
    for name, epoch, value in curves(run):
        epochs[epoch][name] = value
    return epochs
