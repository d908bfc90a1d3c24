"""`hydra/sweeper=grid`, the default: every combination, in the order given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.prunesweep_plugins.composing import ComposedOnce
from hydra_plugins.prunesweep_plugins.launching import check_installed, share


@dataclass
class GridSettings:
    """Those of Hydra's basic sweeper."""

    _target_: str = "hydra_plugins.prunesweep_plugins.grid.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default=None)


class GridSweeper(BasicSweeper):
    """Hydra's basic sweeper, which checks the values of all jobs, not only their types, before the first one runs."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        check_installed(config)
        context = replace(hydra_context, config_loader=ComposedOnce(hydra_context.config_loader))
        super().setup(hydra_context=context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        """Run every combination; runs that a launcher starts at once share the machine's cores."""
        assert self.config is not None
        return super().sweep([*arguments, *share(self.config, arguments)])

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose and build the config of every job.

        Raises:
            UsageError: of the first job whose settings cannot be.
        """
        from prunesweep.config import build

        assert self.config is not None
        assert self.hydra_context is not None
        loader = self.hydra_context.config_loader
        assert isinstance(loader, ComposedOnce)
        for overrides in batch:
            build(loader.keep(self.config, list(overrides)))


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSettings, provider="prunesweep")
