"""`hydra/sweeper=search`: Optuna's samplers through hydra-optuna-sweeper, as a search that survives and adds up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_optuna_sweeper.config import SamplerConfig
from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper
from omegaconf import MISSING, DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins.composing import ComposedOnce
from hydra_plugins.prunesweep_plugins.launching import check_installed


@dataclass
class SearchSettings:
    """Those of hydra-optuna-sweeper, but for what the sections `search` and `study` of the config say.

    Attributes:
        n_trials: the total, over all starts and all machines.
        n_jobs: runs at once; None for as many as the launcher has under way.
        max_failure_rate: the fraction of `n_trials` that may fail before the search gives up.
    """

    _target_: str = "hydra_plugins.prunesweep_plugins.search.SearchSweeper"
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}])
    sampler: SamplerConfig = MISSING
    n_trials: int = 40
    n_jobs: int | None = None
    max_failure_rate: float = 0.25
    params: dict[str, str] | None = None


class SearchSweeper(OptunaSweeper):
    """hydra-optuna-sweeper with objectives by name, replicates, one total for all starts, and a table in the end."""

    def __init__(
        self,
        sampler: DictConfig,
        n_trials: int,
        n_jobs: int | None,
        max_failure_rate: float,
        params: DictConfig | None,
    ) -> None:
        super().__init__(sampler, "minimize", None, None, n_trials, n_jobs or 1, max_failure_rate, None, params)
        self.settings = SearchSettings(
            sampler=sampler,  # type: ignore[arg-type]
            n_trials=n_trials,
            n_jobs=n_jobs,
            max_failure_rate=max_failure_rate,
            params={str(key): str(value) for key, value in (params or {}).items()},
        )

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check what can be checked without composing a run."""
        from prunesweep.errors import check_range

        check_range("hydra.sweeper.n_trials", self.settings.n_trials, 1)
        check_range("hydra.sweeper.max_failure_rate", self.settings.max_failure_rate, 0, 1)
        if self.settings.n_jobs is not None:
            check_range("hydra.sweeper.n_jobs", self.settings.n_jobs, 1)
        check_installed(config)
        OmegaConf.set_struct(config, True)
        context = replace(hydra_context, config_loader=ComposedOnce(hydra_context.config_loader))
        super().setup(hydra_context=context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        """Search until `n_trials` are done in all."""
        from prunesweep.search.loop import Search

        Search.of(self.sweeper, self.settings, arguments).go()


ConfigStore.instance().store(group="hydra/sweeper", name="search", node=SearchSettings, provider="prunesweep")
