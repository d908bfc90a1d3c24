"""The plan of a sweep before it starts: its tree of steps, and about what it costs. Nothing is computed or written."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from prunesweep.chain.costs import RUN, START, kind, where
from prunesweep.chain.environment import digests, extend
from prunesweep.chain.steps import Described
from prunesweep.chain.tasks import Task, makespan, tasks
from prunesweep.chain.tree import Branch, Tree
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment.planning import Planning, plan_run
from prunesweep.store.costs import Cost, read_costs
from prunesweep.store.store import Store, open_store

log = logging.getLogger(__name__)
MAX_STEPS = 500_000
"""The largest number of steps of all runs together that are planned, 20 microseconds each."""


class TooLarge(UsageError):
    """The runs have too many steps to plan."""


@dataclass(frozen=True)
class Forecast:
    """The plan of a sweep.

    Attributes:
        tree: The steps of all runs that can be planned.
        failures: The number of runs that cannot be planned, and will fail.
        fixed: The expected time in seconds of all runs besides their steps.
        start: The expected time that a process needs once, besides the steps.
    """

    tree: Tree
    failures: int
    fixed: float
    start: float = 0.0

    @property
    def runs(self) -> int:
        """The number of runs."""
        return self.tree.runs + self.failures

    def tasks(self) -> list[Task]:
        """Return the work of the sweep as tasks for workers."""
        return tasks(self.tree, self.runs, self.fixed / self.runs if self.runs else 0.0)

    def seconds(self, workers: int = 1) -> float:
        """Return the expected time with `workers` workers."""
        return self.start + makespan(self.tasks(), workers)


def forecast(configs: Iterable[RunConfig], *, stored: bool = True) -> Forecast:
    """Return the plan of runs with `configs`, in this order.

    A run that cannot be planned does not raise an error here. It fails with its own error when it is executed.

    Args:
        configs: The settings of the runs.
        stored: Whether steps in the store count as computed. If not, the plan is that for an empty store.

    Raises:
        UsageError: The runs have more than `MAX_STEPS` steps together.
    """
    failures, fixed, start, steps = 0, 0.0, 0.0, 0
    costs: dict[Path, dict[str, Cost]] = {}

    def branches() -> Iterator[Branch]:
        nonlocal failures, fixed, start, steps
        for number, config in enumerate(configs):
            if config.store.folder not in costs:
                costs[config.store.folder] = read_costs(config.store.folder)
            known = costs[config.store.folder]
            try:
                planning = plan_run(config)
                place = where(planning.context, planning.root)
                steps += len(planning.plan.chain)
                _check_size(steps)
                branch = _branch(planning, open_store(config.store), known, number, stored=stored)
            except TooLarge:
                raise
            except Exception as error:
                log.debug("run %s cannot be planned: %s", number, error)
                failures += 1
            else:
                fixed += _seconds(known, kind(RUN, place))
                start = max(start, _seconds(known, kind(START, place)))
                yield branch

    tree = Tree.of(branches())
    return Forecast(tree, failures, fixed, start if tree.missing else 0.0)


def _check_size(steps: int) -> None:
    if steps > MAX_STEPS:
        raise TooLarge(f"the runs have more than {MAX_STEPS:,} steps together: too many to plan.")


def _seconds(known: Mapping[str, Cost], kind: str) -> float:
    return known[kind].seconds if kind in known else 0.0


def _branch(planning: Planning, store: Store, known: Mapping[str, Cost], number: int, *, stored: bool) -> Branch:
    chain = planning.plan.chain
    after = digests(planning.root, chain)
    place = where(planning.context, planning.root)

    def costs(what: Described) -> Cost | None:
        cost = known.get(kind(what, place))
        return cost if cost is None or store.writable else replace(cost, size=0)

    observations = [(at, extend(after[at], each.describe()), each) for at, each in planning.observations()]
    return Branch(
        chain,
        after,
        observations,
        planning.plan.points[-1].final,
        store.holds if stored else lambda _: False,
        costs,
        scope=f"{store.folder or number}:",
        run=number,
    )
