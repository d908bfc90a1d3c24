"""Hydra's sweepers for `search`: `grid` runs every combination, `search` runs trials that Optuna proposes.

Hydra imports this module at each start, so everything slow is imported where it is used.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
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
    from hydra.core.utils import JobReturn

    from prunesweep.config import RunConfig
    from prunesweep.search.definition import Definition
    from prunesweep.search.evaluation import TrialRun
    from prunesweep.search.loop import SearchSpec
    from prunesweep.search.space import Space
    from prunesweep.search.sweep_directory import Sweep

log = logging.getLogger("prunesweep")
HERE = "hydra_plugins.prunesweep_plugins.sweepers"


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
class GridSettings:
    """The settings of Hydra's basic sweeper, and baselines.

    Attributes:
        max_batch_size: Number of jobs that are launched at a time. None for all.
        params: Swept keys, each with its values in Hydra's sweep syntax.
        baselines: Keys with values for further runs: every combination is also run with each combination of these
            values in place of its own. A key without a value is left out of these runs. The sweep ends with a
            comparison with the baselines.
    """

    _target_: str = f"{HERE}.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default=None)
    baselines: dict[str, str | None] | None = field(default=None)


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
    """

    _target_: str = f"{HERE}.SearchSweeper"
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


class GridSweeper(BasicSweeper):
    """Hydra's basic sweeper, with a check of all jobs and of the directory before the first job runs."""

    composer: JobComposer

    def __init__(
        self,
        max_batch_size: int | None,
        params: dict[str, str] | None = None,
        baselines: Mapping[str, str | None] | None = None,
    ) -> None:
        super().__init__(max_batch_size, params)
        self.baselines = baselines or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        launching.check_installed(config)
        self.composer = JobComposer(hydra_context.config_loader)
        context = replace(hydra_context, config_loader=self.composer)  # type: ignore[arg-type]
        super().setup(hydra_context=context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Run every combination, or show the plan of all runs with `dry_run=true`.

        Raises:
            Refused: The settings of a job are not allowed, or the directory belongs to another sweep. Nothing has been
                run or written.
        """
        from prunesweep.config import build
        from prunesweep.files import write_atomically
        from prunesweep.report.console.text import DEFAULT_AMOUNT_USED
        from prunesweep.search.sweep_directory import before_the_first_run, claimed

        assert self.config is not None
        assert self.launcher is not None
        folder = Path(self.config.hydra.sweep.dir)
        with before_the_first_run():
            parser = OverridesParser.create(config_loader=self.composer)  # type: ignore[arg-type]
            values = values_of(parser.parse_overrides([*self._parse_config(), *arguments]))
            baselines = values_of(parser.parse_overrides([f"{key}={text}" for key, text in self._replaced()]))
            jobs = combinations(values, baselines, self.baselines)
            runs = [build(self.composer.load_sweep_config(self.config, job)) for job in jobs]
            record = self._record(values, baselines, runs)
            if any(run.dry_run for run in runs):
                planning.show_plan(runs, self.config)
                return []
        launching.prepare(self.config)
        with claimed(folder, record):
            if all(run.prune.has_default_amount for run in runs):
                log.info(DEFAULT_AMOUNT_USED)
            forecast = planning.plan_before_sweep(runs, self.config)
            write_atomically(folder / "multirun.yaml", OmegaConf.to_yaml(self.config).encode())
            if isinstance(self.launcher, LocalLauncher):
                return [_checked(self.launcher.run(jobs, 0, runs, forecast))]
            waves = planning.waves(jobs, forecast, self.config)
            return [_checked(batch) for batch in self._launch_in_waves(waves)]

    def _launch_in_waves(self, waves: Sequence[list[list[str]]]) -> Iterator[Sequence[JobReturn]]:
        """Launch the jobs of each wave when those of the wave before are complete."""
        assert self.launcher is not None
        number = 0
        for wave in waves:
            for batch in self.split_overrides_to_chunks(wave, self.max_batch_size):
                yield self.launcher.launch(batch, initial_job_idx=number)
                number += len(batch)

    def _replaced(self) -> list[tuple[str, str]]:
        return [(key, text) for key, text in self.baselines.items() if text is not None]

    def _record(
        self, values: Mapping[str, Sequence[str]], baselines: Mapping[str, Sequence[str]], runs: Sequence[RunConfig]
    ) -> Sweep:
        """Return what identifies the sweep of `runs` in its directory."""
        from prunesweep.search.definition import definition, numerics, shared_settings
        from prunesweep.search.sweep_directory import Sweep, arguments_of_this_process

        assert self.config is not None
        shared = shared_settings(runs)
        every = {**values, **{key: [*values.get(key, ()), *texts] for key, texts in baselines.items()}}
        searched = {
            key.lstrip("+"): ",".join(text.partition("=")[2] for text in texts)
            for key, texts in every.items()
            if len(texts) > 1
        }
        directories: Any = OmegaConf.to_container(self.config.hydra.sweep, resolve=False)
        this = {
            "sweeper": "grid",
            "order of the keys": ", ".join(searched) if len(searched) > 1 else "",
            "hydra.sweep.subdir": str(directories["subdir"]),
        }
        parts = {"sweep": this, **definition(shared, searched)}
        return Sweep(parts, numerics(shared), arguments_of_this_process(), len(runs))


def _checked(jobs: Sequence[JobReturn]) -> Sequence[JobReturn]:
    """Return `jobs`, or raise the error of the first that failed."""
    for job in jobs:
        _ = job.return_value  # raises the error
    return jobs


def values_of(overrides: Sequence[Override]) -> dict[str, list[str]]:
    """Return the keys of `overrides`, each with an override for each of its values.

    Raises:
        UsageError: A key has an interval of values.
    """
    from prunesweep.errors import UsageError

    values = {}
    for each in overrides:
        key = each.get_key_element()
        if not each.is_sweep_override():
            values[key] = [f"{key}={each.get_value_element_as_str()}"]
        elif each.is_discrete_sweep():
            values[key] = [f"{key}={value}" for value in each.sweep_string_iterator()]
        else:
            raise UsageError(
                f"{each.input_line}: a grid cannot run all values of an interval. Use range(...) or choice(...), or a "
                "search such as search=tradeoff."
            )
        if not values[key]:
            raise UsageError(f"{each.input_line}: contains no value.")
    return values


def combinations(
    values: Mapping[str, Sequence[str]], baselines: Mapping[str, Sequence[str]], replaced: Iterable[str]
) -> list[list[str]]:
    """Return the overrides of each job: every combination of `values`, then the same with those of `baselines`.

    Args:
        values: The swept keys, each with an override for each of its values.
        baselines: The keys of the baselines, likewise. A job that a combination of `values` contains is not repeated.
        replaced: The keys that the baselines replace or leave out.
    """
    own = itertools.product(*values.values())
    if not baselines:
        return [list(job) for job in own]
    kept = {key: texts for key, texts in values.items() if key not in set(replaced)}
    order = [*values, *(key for key in baselines if key not in values)]
    others = {key: {**kept, **baselines}[key] for key in order if key in kept or key in baselines}
    return [list(job) for job in dict.fromkeys([*own, *itertools.product(*others.values())])]


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

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check the settings of the sweeper itself."""
        from prunesweep.errors import check_range

        check_range("hydra.sweeper.n_trials", self.n_trials, 1)
        check_range("hydra.sweeper.max_failure_rate", self.max_failure_rate, 0, 1)
        if self.n_jobs is not None:
            check_range("hydra.sweeper.n_jobs", self.n_jobs, 1)
        if self.timeout is not None:
            check_range("hydra.sweeper.timeout", self.timeout, 0, above=True)
        if self.patience is not None:
            check_range("hydra.sweeper.patience", self.patience, 1)
        launching.check_installed(config)
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
        from prunesweep.search.executing import Batches
        from prunesweep.search.halving import ladder
        from prunesweep.search.loop import search
        from prunesweep.search.sweep_directory import before_the_first_run

        with before_the_first_run():
            run = build(self.config)
            space, fixed = parse(self.params, self.conditions, arguments, self.config, self.composer)
            rungs = None if self.halving is None else ladder(space, self.halving.key, self.halving.factor)
            if rungs is None:
                propose = proposals(self.sampler, space, run.seed)
            else:
                propose = halved(self.sampler, rungs, run.seed, run.search.goals)
            corners = [[*fixed, *overrides] for overrides in space.corners()]
            settings = shared_settings(build(self.composer.load_sweep_config(self.config, each)) for each in corners)

            def run_of(overrides: list[str]) -> RunConfig:
                return build(self.composer.load_sweep_config(self.config, [*fixed, *overrides]))

            if rungs is not None:
                # Imported here because it imports torch, which other searches with launchers of their own do not need.
                from prunesweep.search.continuation import check_continues

                check_continues(rungs, run_of)
            trials = min(self.n_trials, space.size or self.n_trials)
            if run.dry_run:
                planning.show_worst_case(space, run_of, trials, self.config)
                return
            spec = self._spec(run, space, definition(settings, space.texts))
        launching.prepare(self.config)
        planning.show_worst_case_before_search(space, run_of, trials, self.config)
        shared = [*fixed, f"study={spec.name}"]

        def job_of(each: TrialRun) -> list[str]:
            return [*shared, *each.overrides, f"hydra.sweep.subdir='{each.directory}'"]

        def launch(runs: Sequence[TrialRun], first: int) -> None:
            jobs = [[*job_of(each), *launching.device(self.config, index)] for index, each in enumerate(runs)]
            self.launcher.launch(jobs, initial_job_idx=first)

        def settings_of(each: TrialRun) -> dict[str, Any]:
            job = self.composer.load_sweep_config(self.config, [*shared, *each.overrides])
            values: Any = OmegaConf.to_container(job, resolve=False)
            del values["hydra"]
            return values  # type: ignore[no-any-return]

        count = self.n_jobs or launching.parallel_runs(self.config)
        if isinstance(self.launcher, LocalLauncher):
            with self.launcher.executor(count, job_of) as executor:
                search(spec, propose, executor, settings_of)
        else:
            search(spec, propose, Batches(count, launch), settings_of)

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
    ("hydra/sweeper", "grid", GridSettings),
    ("hydra/sweeper", "search", SweeperSettings),
    ("hydra/sweeper/sampler", "tpe", TpeSettings),
    ("hydra/sweeper/sampler", "nsgaii", NsgaIISettings),
):
    ConfigStore.instance().store(group=_group, name=_name, node=_node, provider="prunesweep", replace=True)
