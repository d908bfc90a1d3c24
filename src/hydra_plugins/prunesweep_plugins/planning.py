"""Show the plan of a sweep before it starts, and alone with `dry_run=true`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins import launching
from prunesweep.errors import UsageError
from prunesweep.messages import message_of

if TYPE_CHECKING:
    from prunesweep.config import RunConfig
    from prunesweep.experiment.forecast import Forecast
    from prunesweep.search.space import Space

log = logging.getLogger("prunesweep")
NUMBER = re.compile(r"\$\{hydra\.job\.(num|id)\}")
MAX_PLANNED = 1_000
"""The largest number of runs that are planned before a sweep. The plan of a run takes about as long as a stored run."""


def check_measures(runs: Sequence[RunConfig]) -> None:
    """Raise `UsageError` if this machine cannot measure what `runs` ask for."""
    if any(run.measured for run in runs):
        # Imported here because it imports torch, which other sweeps with launchers of their own do not need.
        from prunesweep.experiment.measures import check_measures

        check_measures(runs)


def without_impossible(space: Space, run_of: Callable[[list[str]], RunConfig]) -> Space:
    """Return `space` without the options that the network or the data do not permit, and name them in a warning.

    Args:
        space: The search space.
        run_of: Returns the settings of a run with the overrides of a combination.
    """
    from prunesweep.experiment.planning import plan_run
    from prunesweep.search.possible import possible

    def obstacle(overrides: list[str]) -> str | None:
        run = run_of(overrides)
        try:
            plan_run(run)
        except UsageError as error:
            return message_of(error)
        except Exception as error:
            log.debug("%s cannot be planned: %s", overrides, error)  # it fails with its own error when it is executed
        return None

    remaining, left_out = possible(space, obstacle)
    for option, reason in left_out.items():
        log.warning("%s is left out of the search. %s", option, reason)
    return remaining


def show_plan(runs: Sequence[RunConfig], config: DictConfig) -> Forecast:
    """Print and return the plan of `runs`, which the launcher in `config` executes."""
    from prunesweep.experiment.forecast import forecast
    from prunesweep.report.console.plan import line
    from prunesweep.report.console.text import say

    found = forecast(runs)
    say(line(found, launching.parallel_runs(config, found)))
    return found


def plan_before_sweep(runs: Sequence[RunConfig], config: DictConfig) -> Forecast | None:
    """Print and return the plan of a sweep that starts now, or None if there is no plan. It never stops the sweep."""
    if len(runs) > MAX_PLANNED:
        log.info("%s runs: not planned, because there are more than %s.", f"{len(runs):,}", f"{MAX_PLANNED:,}")
        return None
    try:
        return show_plan(runs, config)
    except Exception as error:
        log.warning("The sweep cannot be planned (%s).", message_of(error))
        return None


def waves(jobs: Sequence[list[str]], forecast: Forecast | None, config: DictConfig) -> list[list[list[str]]]:
    """Divide jobs into groups that are launched one after the other, so that no job waits for a step of another.

    For launchers that only know jobs. The jobs keep the directories of their numbers in the sweep.
    """
    from prunesweep.chain.tasks import waves as divided

    order = [range(len(jobs))] if forecast is None else divided(forecast.tasks(), len(jobs))
    if len(order) == 1:
        return [list(jobs)]
    directories: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    subdir = str(directories["subdir"])

    def placed(number: int) -> list[str]:
        name = NUMBER.sub(str(number), subdir).replace("'", "\\'")
        return [*jobs[number], f"hydra.sweep.subdir='{name}'"]

    return [[placed(number) for number in wave] for wave in order]


def show_worst_case_before_search(
    space: Space, run_of: Callable[[list[str]], RunConfig], trials: int, config: DictConfig
) -> None:
    """Print the worst case of a search that starts now. Never stops it. Arguments as of `show_worst_case`."""
    try:
        show_worst_case(space, run_of, trials, config)
    except Exception as error:
        log.warning("The search cannot be planned (%s).", message_of(error))


def show_worst_case(space: Space, run_of: Callable[[list[str]], RunConfig], trials: int, config: DictConfig) -> None:
    """Print the worst case of a search.

    Args:
        space: The search space.
        run_of: Returns the settings of a run with the overrides of a combination.
        trials: The number of trials.
        config: The config of the search.
    """
    from prunesweep.experiment.forecast import forecast
    from prunesweep.report.console.plan import worst_line
    from prunesweep.report.console.text import say
    from prunesweep.search.worst_case import most_expensive

    def alone(overrides: list[str]) -> Forecast:
        return forecast([run_of(overrides)], stored=False)

    def price(overrides: list[str]) -> Any:
        found = alone(overrides)
        return (not found.failures, found.seconds(), found.tree.epochs, len(found.tree.nodes))

    worst = alone(most_expensive(space, price))
    if worst.failures:
        say(f"{trials:,} trials: no combination that was examined can be planned. Run one of them to see the reason.")
    else:
        say(worst_line(worst, trials, config.search.replicates, launching.parallel_runs(config)))
