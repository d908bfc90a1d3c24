"""The kinds of steps that cost about the same, and the measurement of their costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from statistics import median_low
from typing import Any

from prunesweep.chain.context import Context
from prunesweep.chain.steps import Described
from prunesweep.files import canonical, sha256
from prunesweep.store.costs import Spent
from prunesweep.store.store import Store

RUN = "run"
"""The kind of everything in a run besides its steps: reading the store, writing the result."""

START = "start"
"""The kind of what a process does once, during its first steps: reading the data, imports of torch."""
SLOW = 2.0
"""The first step of a kind that takes this many times as long as usual was the first one of its process."""


class Meter:
    """Measures what is computed in one environment.

    Attributes:
        spent: The measurements so far.
    """

    def __init__(self, context: Context, root: Mapping[str, Any]) -> None:
        self.spent: list[Spent] = []
        self._context = context
        self._root = root

    @cached_property
    def _where(self) -> dict[str, Any]:
        return where(self._context, self._root)

    @contextmanager
    def measure(self, what: Described, store: Store) -> Iterator[None]:
        """Measure the wall time of a step or an observation and the bytes that it writes, without those inside it."""
        first, written, started = len(self.spent), store.written, time.perf_counter()
        yield
        inside = self.spent[first:]
        seconds = time.perf_counter() - started - sum(each.seconds for each in inside)
        size = store.written - written - sum(each.size for each in inside)
        self.spent.append(Spent(kind(what, self._where), max(seconds, 0.0), max(size, 0)))

    def add_run(self, seconds: float) -> None:
        """Add the cost of a run that took `seconds` in total without its steps, and the cost of a new process."""
        rest, start = seconds - sum(each.seconds for each in self.spent), self._start()
        self.spent.append(Spent(kind(RUN, self._where), max(rest, 0.0), 0))
        if start:
            self.spent.append(Spent(kind(START, self._where), start, 0))

    def _start(self) -> float:
        """Return the time by which the first step of each kind was slower, if this was obviously a new process."""
        seconds: dict[str, list[float]] = {}
        for each in self.spent:
            seconds.setdefault(each.kind, []).append(each.seconds)
        pairs = [(times[0], median_low(times)) for times in seconds.values() if len(times) > 2]
        return sum(first - usual for first, usual in pairs if first > SLOW * usual)


def where(context: Context, root: Mapping[str, Any]) -> dict[str, Any]:
    """Return what costs depend on besides the step: the network, the data, the device and the threads."""
    facts = context.facts
    return {
        "model": context.model.architecture(),
        "data": facts.label,
        "sizes": dict(facts.sizes),
        "device": root.get("device"),
        "threads": root.get("threads"),
    }


def kind(what: Described | str, where: Mapping[str, Any]) -> str:
    """Return the hash of the kind of a step or an observation, or of `RUN`, in an environment."""
    spec, optimizer = getattr(what, "spec", None), getattr(what, "optimizer", None)
    named = what if isinstance(what, str) else type(what).__name__
    pruning = None if spec is None else [spec.criterion, spec.structure, spec.iterations, spec.sample]
    described = {
        **where,
        "class": named,
        "batch_size": getattr(what, "batch_size", None),
        "optimizer": None if optimizer is None else optimizer.name,
        "augment": bool(getattr(what, "augment", False)),
        "pruning": pruning,
        **({"teacher": True} if getattr(what, "teacher", None) else {}),  # kinds without one keep their hashes
    }
    return sha256(canonical(described))
