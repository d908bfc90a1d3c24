"""The sweeper `search`: runs trials that Optuna proposes.

Hydra imports this module at each start, so everything slow is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_optuna_sweeper.config import NSGAIISamplerConfig, SamplerConfig, TPESamplerConfig
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict

from hydra_plugins.prunesweep_plugins import launching, planning
from hydra_plugins.prunesweep_plugins.composing import JobComposer
from hydra_plugins.prunesweep_plugins.local import LocalLauncher
from hydra_plugins.prunesweep_plugins.proposing import halved, proposals
from hydra_plugins.prunesweep_plugins.ranges import parse

if TYPE_CHECKING:
    from prunesweep.config import RunConfig
    from prunesweep.search.definition import Definition
    from prunesweep.search.evaluation import TrialRun
    from prunesweep.search.halving import Ladder
    from prunesweep.search.loop import SearchSpec
    from prunesweep.search.sampler import Propose
    from prunesweep.search.space import Space
    from prunesweep.search.warm_start import WarmStart


@dataclass
class TpeSettings(TPESamplerConfig):
    """Model the keys together, also under conditions, and let parallel proposals differ."""

    multivariate: bool = True
    group: bool = True
    constant_liar: bool = True


@dataclass
class NsgaIISettings(NSGAIISamplerConfig):
    """Use generations of eight. With Optuna's 50, the first 50 trials are random."""

    population_size: int = 8


@dataclass
class HalvingSettings:
    """Settings of successive halving.

    Attributes:
        key: The searched key whose value grows from rung to rung.
        factor: One in `factor` trials of a rung is tried again at the next rung, whose value is about `factor` times as
            large.
    """

    key: str = "finetune.epochs"
    factor: int = 2


@dataclass
class SweeperSettings:
    """The settings of a search that are not in the sections `search` and `study`.

    Attributes:
        sampler: One of Optuna's samplers.
        n_trials: Number of trials, over all starts and all machines.
        n_jobs: Number of runs at a time. None for as many as the launcher executes at a time.
        max_failure_rate: Fraction of `n_trials` that may fail before the search ends. 0 ends it at the first failure.
        timeout: Seconds after which no new trial is started, in this start of the command. None for no limit.
        patience: Number of completed trials without a larger hypervolume that ends the search. None for no limit.
        params: The searched keys, each with its values in Hydra's sweep syntax.
        conditions: Keys that are searched only under a condition, such as `finetune.epochs: schedule=one_shot,gradual`.
        halving: Successive halving. None: all trials are proposed by the sampler.
        warm_start: `magnitude`: a run with global magnitude pruning comes first, and its allocation is the first trial.
            None: the sampler proposes the first trial.
    """

    _target_: str = "hydra_plugins.prunesweep_plugins.search_sweeper.SearchSweeper"
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}])
    sampler: SamplerConfig = MISSING
    n_trials: int = 40
    n_jobs: int | None = None
    max_failure_rate: float = 0.25
    timeout: float | None = None
    patience: int | None = None
    params: dict[str, str] | None = None
    conditions: dict[str, str] | None = None
    halving: HalvingSettings | None = None
    warm_start: str | None = None


@dataclass(frozen=True)
class TrialJobs:
    """Composes the jobs of a search.

    Attributes:
        config: The config of the search.
        composer: Composes the configs of jobs.
        shared: The overrides that all runs share.
    """

    config: DictConfig
    composer: JobComposer
    shared: Sequence[str]

    def run_of(self, overrides: Sequence[str]) -> RunConfig:
        """Return the settings of the run with these `overrides`."""
        from prunesweep.config import build

        return build(self._composed(overrides))

    def job(self, trial: TrialRun) -> list[str]:
        """Return the overrides of the job that runs `trial`."""
        return [*self.shared, *trial.overrides, f"hydra.sweep.subdir='{trial.directory}'"]

    def settings(self, trial: TrialRun) -> dict[str, Any]:
        """Return the settings of `trial` as in its saved config."""
        values: Any = OmegaConf.to_container(self._composed(trial.overrides), resolve=False)
        del values["hydra"]
        return values  # type: ignore[no-any-return]

    def _composed(self, overrides: Sequence[str]) -> DictConfig:
        return self.composer.load_sweep_config(self.config, [*self.shared, *overrides])


class SearchSweeper(Sweeper):
    """A search with Optuna, which continues after an interruption and can be shared by several processes."""

    config: DictConfig
    composer: JobComposer
    launcher: Launcher

    def __init__(
        self,
        sampler: DictConfig,
        n_trials: int,
        n_jobs: int | None,
        max_failure_rate: float,
        timeout: float | None,
        patience: int | None,
        params: Mapping[str, str] | None,
        conditions: Mapping[str, str] | None,
        halving: DictConfig | None,
        warm_start: str | None = None,
    ) -> None:
        self.sampler = sampler
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.max_failure_rate = max_failure_rate
        self.timeout = timeout
        self.patience = patience
        self.params = params or {}
        self.conditions = conditions or {}
        self.halving = halving
        self.warm_start = warm_start

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check the settings of the sweeper itself."""
        from prunesweep.errors import check_choice, check_range

        if self.warm_start is not None:
            check_choice("hydra.sweeper.warm_start", self.warm_start, ("magnitude",))
        check_range("hydra.sweeper.n_trials", self.n_trials, 1)
        check_range("hydra.sweeper.max_failure_rate", self.max_failure_rate, 0, 1)
        if self.n_jobs is not None:
            check_range("hydra.sweeper.n_jobs", self.n_jobs, 1)
        if self.timeout is not None:
            check_range("hydra.sweeper.timeout", self.timeout, 0, above=True)
        if self.patience is not None:
            check_range("hydra.sweeper.patience", self.patience, 1)
        launching.check_installed(config)
        launching.prepare(config)
        OmegaConf.set_struct(config, True)
        self.config = config
        self.composer = JobComposer(hydra_context.config_loader)
        context = replace(hydra_context, config_loader=self.composer)  # type: ignore[arg-type]
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Search until a limit such as `n_trials` is reached, or show the worst case with `dry_run=true`.

        Raises:
            Refused: A setting is not allowed, the directory belongs to another sweep, or the database is damaged.
            UsageError: The database cannot be reached, or too many trials failed.
        """
        from prunesweep.config import build
        from prunesweep.search.definition import definition, shared_settings
        from prunesweep.search.sweep_directory import before_the_first_run

        with before_the_first_run():
            run = build(self.config)
            space, fixed = parse(self.params, self.conditions, arguments, self.config, self.composer)
            jobs = TrialJobs(self.config, self.composer, fixed)
            space = planning.without_impossible(space, jobs.run_of)
            rungs = self._rungs(space)
            propose = self._proposals(space, rungs, run)
            warm = self._warm_start(space, rungs, run.seed)
            corners = [jobs.run_of(overrides) for overrides in space.corners()]
            planning.check_measures(corners)
            settings = shared_settings(corners)
            if rungs is not None:
                # Imported here because it imports torch, which other searches with launchers of their own do not need.
                from prunesweep.search.continuation import check_continues

                check_continues(rungs, jobs.run_of)
            trials = min(self.n_trials, space.size or self.n_trials)
            if run.dry_run:
                planning.show_worst_case(space, jobs.run_of, trials, self.config)
                return
            spec = self._spec(run, space, definition(settings, space.texts))
        planning.show_worst_case_before_search(space, jobs.run_of, trials, self.config)
        self._search(spec, propose, replace(jobs, shared=[*fixed, f"study={spec.name}"]), warm)

    def _rungs(self, space: Space) -> Ladder | None:
        from prunesweep.search.halving import ladder

        return None if self.halving is None else ladder(space, self.halving.key, self.halving.factor)

    def _proposals(self, space: Space, rungs: Ladder | None, run: RunConfig) -> Propose:
        if rungs is None:
            return proposals(self.sampler, space, run.seed)
        return halved(self.sampler, rungs, run.seed, run.search.goals)

    def _warm_start(self, space: Space, rungs: Ladder | None, seed: int) -> WarmStart | None:
        from prunesweep.search.warm_start import warm_start

        if self.warm_start is None:
            return None
        longest = {} if rungs is None else {rungs.key: rungs.rungs[-1]}
        return warm_start(space, space if rungs is None else rungs.start, seed, longest)

    def _search(self, spec: SearchSpec, propose: Propose, jobs: TrialJobs, warm: WarmStart | None) -> None:
        """Execute the trials in this launcher's way."""
        from prunesweep.search.executing import Batches
        from prunesweep.search.loop import search

        def launch(runs: Sequence[TrialRun], first: int) -> None:
            overrides = [[*jobs.job(each), *launching.device(self.config, index)] for index, each in enumerate(runs)]
            self.launcher.launch(overrides, initial_job_idx=first)

        count = self.n_jobs or launching.parallel_runs(self.config)
        if isinstance(self.launcher, LocalLauncher):
            with self.launcher.executor(count, jobs.job) as executor:
                search(spec, propose, executor, jobs.settings, warm)
        else:
            search(spec, propose, Batches(count, launch), jobs.settings, warm)

    def _spec(self, run: RunConfig, space: Space, shared: Definition) -> SearchSpec:
        """Return the search. If `study` is not set, it gets a name here, because the name is part of the directory."""
        from prunesweep.search.definition import default_name
        from prunesweep.search.loop import SearchSpec
        from prunesweep.search.sweep_directory import arguments_of_this_process

        if run.study is None:
            option = self.config.hydra.runtime.choices.get("search", "search")
            sampler: Any = OmegaConf.to_container(self.sampler)
            if self.halving is not None:
                sampler["halving"] = OmegaConf.to_container(self.halving)
            if self.warm_start is not None:
                sampler["warm_start"] = self.warm_start
            with open_dict(self.config):
                self.config.study = default_name(option, shared, sampler)
        return SearchSpec(
            name=self.config.study,
            folder=Path(self.config.hydra.sweep.dir),
            space=space,
            definition=shared,
            settings=run.search,
            seed=run.seed,
            total=self.n_trials,
            max_failure_rate=self.max_failure_rate,
            config=OmegaConf.to_yaml(self.config),
            arguments=arguments_of_this_process(),
            timeout=self.timeout,
            patience=self.patience,
        )


for _group, _name, _node in (
    ("hydra/sweeper", "search", SweeperSettings),
    ("hydra/sweeper/sampler", "tpe", TpeSettings),
    ("hydra/sweeper/sampler", "nsgaii", NsgaIISettings),
):
    ConfigStore.instance().store(group=_group, name=_name, node=_node, provider="prunesweep", replace=True)
