"""Estimate how long a sweep still takes, from its plan and from what was measured since its start."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from prunesweep.chain.tasks import Task, makespan

INTERVAL = 1.0
"""Seconds between two estimates."""
LARGE = 1_000
"""For this many tasks, an estimate takes about 10 milliseconds."""


@dataclass
class _Running:
    """A task that a worker executes."""

    started: float
    steps: int = 0
    epochs: int = 0


class Pace:
    """The tasks of a sweep with their expected times, corrected by measurements.

    Attributes:
        epochs: The number of epochs to compute.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.epochs = 0
        self._workers = workers
        self._clock = clock
        self._waiting: dict[int, Task] = {}  # tasks that have not ended
        self._unknown: set[int] = set()
        self._running: dict[int, _Running] = {}
        self._trained = 0
        self._planned = self._measured = 0.0  # seconds of the tasks that have ended and whose time was planned
        self._training, self._epochs = 0.0, 0  # seconds and epochs of the other tasks that have ended
        self._left: float | None = None
        self._started = self._next = clock()

    @property
    def trained(self) -> int:
        """The number of epochs that were computed."""
        return self._trained + sum(min(run.epochs, self._waiting[key].epochs) for key, run in self._running.items())

    def add(self, number: int, task: Task, *, is_known: bool) -> None:
        """Add a task. `is_known` says whether its time was planned."""
        self._waiting[number] = task
        self.epochs += task.epochs
        if not is_known:
            self._unknown.add(number)

    def start(self, number: int) -> None:
        """Note that a worker starts the task, for the first time or again."""
        self._running[number] = _Running(self._clock())

    def step(self, number: int, *, epoch: bool) -> None:
        """Note that a step of the task was computed."""
        self._running[number].steps += 1
        self._running[number].epochs += epoch

    def end(self, number: int) -> None:
        """Note that the task has ended."""
        task, run = self._waiting.pop(number), self._running.pop(number)
        seconds = self._clock() - run.started
        self._trained += task.epochs
        if number not in self._unknown:
            self._planned += task.seconds
            self._measured += seconds
        elif run.epochs:
            self._training += seconds
            self._epochs += run.epochs

    def left(self, ended: int = 0, expected: int = 0) -> float | None:
        """Return the expected number of seconds until the end, or None if it is not known yet.

        Args:
            ended: The number of runs that have ended.
            expected: The number of runs that will be added. They take as long as those before.
        """
        now = self._clock()
        if now >= self._next:
            self._next = now + INTERVAL * (1 + len(self._waiting) / LARGE)
            self._left = (now - self._started) / ended * expected if ended and expected else self._estimate(now)
        return None if expected and not ended else self._left

    def _estimate(self, now: float) -> float | None:
        speed = self._measured / self._planned if self._planned else 1.0
        epoch = self._seconds_per_epoch(now)
        index = {number: position for position, number in enumerate(self._waiting)}
        tasks = []
        for number, task in self._waiting.items():
            seconds = task.seconds * speed
            if number in self._unknown:
                if epoch is None and task.epochs:
                    return None
                seconds = task.epochs * (epoch or 0.0)
            run = self._running.get(number)
            if run is not None:
                seconds *= max(0.0, 1 - run.steps / max(task.steps, 1))
            after = frozenset(index[each] for each in task.after if each in index)
            tasks.append(replace(task, seconds=seconds, after=after))
        return makespan(tasks, self._workers)

    def _seconds_per_epoch(self, now: float) -> float | None:
        seconds, epochs = self._training, self._epochs
        for run in self._running.values():
            if run.epochs:
                seconds += now - run.started
                epochs += run.epochs
        return seconds / epochs if epochs else None
