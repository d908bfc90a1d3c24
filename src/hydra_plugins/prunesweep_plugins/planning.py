"""Show the plan of a sweep before it starts, and alone with `dry_run=true`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from hydra_plugins.prunesweep_plugins import launching
from prunesweep.errors import message_of

if TYPE_CHECKING:
    from prunesweep.config import RunConfig
    from prunesweep.search.space import Space

log = logging.getLogger("prunesweep")
MAX_PLANNED = 1_000
"""The largest number of runs that are planned before a sweep. The plan of a run takes about as long as a stored run."""


def show_plan(runs: Sequence[RunConfig], config: DictConfig) -> None:
    """Print the plan of `runs`, which the launcher in `config` executes."""
    from prunesweep.experiment.forecast import forecast
    from prunesweep.report.console.plan import line, show

    workers = launching.parallel_runs(config)
    show(line(forecast(runs), workers))


def show_plan_before_sweep(runs: Sequence[RunConfig], config: DictConfig) -> None:
    """Print the plan of a sweep that starts now. It never stops the sweep.

    Only for runs in this process: it needs torch and the data, as the first run does. With other launchers, this
    process would wait for both without need.
    """
    if not launching.in_this_process(config):
        return
    if len(runs) > MAX_PLANNED:
        log.info("%s runs: not planned, because there are more than %s.", f"{len(runs):,}", f"{MAX_PLANNED:,}")
        return
    try:
        show_plan(runs, config)
    except Exception as error:
        log.warning("The plan of the sweep cannot be shown (%s).", message_of(error))


def show_worst_case(space: Space, run_of: Callable[[list[str]], RunConfig], trials: int, config: DictConfig) -> None:
    """Print the worst case of a search.

    Args:
        space: The search space.
        run_of: Returns the settings of a run with the overrides of a combination.
        trials: The number of trials.
        config: The config of the search.
    """
    from prunesweep.experiment.forecast import Forecast, forecast
    from prunesweep.report.console.plan import show, worst_line
    from prunesweep.search.worst_case import most_expensive

    def alone(overrides: list[str]) -> Forecast:
        return forecast([run_of(overrides)], stored=False)

    def price(overrides: list[str]) -> Any:
        found = alone(overrides)
        return (not found.failures, found.seconds(), found.tree.epochs, len(found.tree.nodes))

    worst = alone(most_expensive(space, price))
    if worst.failures:
        show(f"{trials:,} trials: no combination that was examined can be planned. Run one of them to see the reason.")
    else:
        show(worst_line(worst, trials, config.search.replicates, launching.parallel_runs(config)))
