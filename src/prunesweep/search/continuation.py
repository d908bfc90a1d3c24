"""Check that a promoted trial continues the stored steps of its lower rung, so that it costs only the difference."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from prunesweep.chain.environment import digests
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment.planning import plan_run
from prunesweep.search.halving import SETTING, Ladder

log = logging.getLogger(__name__)


def check_continues(rungs: Ladder, run_of: Callable[[list[str]], RunConfig]) -> None:
    """Check on the two highest rungs, for every option of each choice and both ends of each range.

    A run that cannot be planned is left out. It fails with its own error when it is executed.

    Args:
        rungs: The rungs of the search.
        run_of: Returns the settings of a run with the overrides of a combination.

    Raises:
        UsageError: A run does not contain the steps of the same run at the rung below.
    """
    for values in rungs.start.corner_values():
        lower, upper = (rungs.space.overrides(rungs.at(rung, values)) for rung in rungs.rungs[-2:])
        before, after = (_steps(run_of(overrides)) for overrides in (lower, upper))
        if before and after and not {*before} <= {*after}:
            raise UsageError(
                f"{SETTING}.key={rungs.key}: the run {' '.join(upper)} does not continue the run {' '.join(lower)}, so "
                "halving would save nothing. Halve finetune.epochs with finetune.decay=constant and schedule=one_shot "
                "or gradual, or set hydra.sweeper.halving=null."
            )


def _steps(run: RunConfig) -> Sequence[str]:
    """Return the digests of the steps of `run`."""
    try:
        planning = plan_run(run)
        return digests(planning.root, planning.plan.chain)
    except Exception as error:
        log.debug("a run cannot be planned: %s", error)
        return []
