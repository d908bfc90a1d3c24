"""The sweeper `grid`: runs every combination of the swept values.

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
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins import launching, planning
from hydra_plugins.prunesweep_plugins.composing import JobComposer
from hydra_plugins.prunesweep_plugins.local import LocalLauncher

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn

    from prunesweep.config import RunConfig
    from prunesweep.search.sweep_directory import Sweep

log = logging.getLogger("prunesweep")


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

    _target_: str = "hydra_plugins.prunesweep_plugins.grid_sweeper.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default=None)
    baselines: dict[str, str | None] | None = field(default=None)


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
        launching.prepare(config)
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
        from prunesweep.report.console.text import default_amount_used
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
            planning.check_measures(runs)
            record = self._record(values, baselines, runs)
            if any(run.dry_run for run in runs):
                planning.show_plan(runs, self.config)
                return []
        with claimed(folder, record):
            if all(run.prune.has_default_amount for run in runs):
                log.info(default_amount_used([run.prune for run in runs]))
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


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSettings, provider="prunesweep", replace=True)
