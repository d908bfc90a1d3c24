"""Execute the tasks of a sweep with a pool of workers, each missing step once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from prunesweep.chain.tasks import Queue, Task
from prunesweep.config import RunConfig
from prunesweep.experiment.forecast import Forecast
from prunesweep.experiment.pace import Pace
from prunesweep.experiment.progress import Completed, Printed, Report, Stepped
from prunesweep.experiment.shared import Busy, Shared
from prunesweep.results.objectives import about_as_good
from prunesweep.workers import Ended, Message, Pool, WorkerDied

ATTEMPTS = 3
"""The number of times that a task is started whose worker is killed each time before it has computed a step."""
POLL = 0.5
"""Seconds until the time left is shown again if nothing happens."""


@dataclass(frozen=True)
class Run:
    """A run that a worker executes.

    Attributes:
        number: Its number in the sweep.
        overrides: Its settings.
        error: The error of the steps that it shares with other runs. The run fails with the same error.
        config: Its settings if another process may be computing its steps, for `shared.check_not_busy`. Else None.
    """

    number: int
    overrides: tuple[str, ...]
    error: Exception | None = None
    config: RunConfig | None = None


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        runs: The number of runs.
        ended: The number of runs that have ended.
        epochs: The number of epochs to compute.
        trained: The number of epochs that were computed.
        left: The expected number of seconds until the end, or None if it is not known.
        best: The smallest network that is about as good as its dense network, or None.
    """

    runs: int
    ended: int
    epochs: int
    trained: int
    left: float | None
    best: Completed | None


class Display(Protocol):
    """Shows a sweep to the user."""

    def show(self, progress: Progress) -> None:
        """Show how far the sweep is."""

    def print(self, text: str) -> None:
        """Print what a run has printed."""


class Sweep:
    """The runs of a sweep. More can be added while it is executed.

    A step that several runs share is computed before these runs are started. If it fails, they fail with its error. A
    task whose worker is killed is started again, up to `ATTEMPTS` times without progress. A task whose next step is
    being computed by another process, such as the same sweep in another terminal, comes last.
    """

    def __init__(self, pool: Pool, display: Display) -> None:
        self._pool = pool
        self._display = display
        self._queue = Queue(in_order=pool.count == 1)
        self._calls: dict[int, Run | Shared] = {}  # by the number of the task, until it is complete
        self._deaths: Counter[int] = Counter()  # since the last progress
        self._steps: Counter[int] = Counter()
        self._steps_before: Counter[int] = Counter()  # at the last death
        self._texts = Texts(display.print)
        self._pace = Pace(pool.count)
        self._completed: dict[tuple[str, int], list[Completed]] = {}
        self._best: Completed | None = None
        self._runs = self._ended = self._expected = 0

    def add(self, runs: Sequence[Run], configs: Sequence[RunConfig] = (), forecast: Forecast | None = None) -> None:
        """Add runs.

        Args:
            runs: The runs.
            configs: Their settings.
            forecast: Their plan. Without a plan, runs that share steps can wait for each other.
        """
        tasks = [Task(number) for number in range(len(runs))] if forecast is None else forecast.tasks()
        is_known = forecast is not None and not forecast.tree.unknown
        numbers = self._queue.add(tasks)
        for number, task in zip(numbers, tasks, strict=True):
            after = frozenset(numbers[each] for each in task.after)
            self._pace.add(number, replace(task, after=after), is_known=is_known)
            if task.part is None:
                self._calls[number] = replace(runs[task.run], config=configs[task.run] if task.steps else None)
                self._texts.expect(number)
            else:
                self._calls[number] = Shared(configs[task.run], task.part)
        self._runs += len(runs)

    def ended(self) -> Iterator[tuple[Run, Ended]]:
        """Execute everything that was added. Yield each run when it has ended, in the order of their ends."""
        while self._calls:
            yield from self.wait()

    def wait(self) -> list[tuple[Run, Ended]]:
        """Execute until a run has ended. Return all that have ended since the last call."""
        found: list[tuple[Run, Ended]] = []
        while self._calls and not found:
            self._start()
            for ended in self._pool.wait(self._receive, POLL):
                call = self._end(ended)
                if isinstance(call, Run):
                    found.append((call, ended))
            self._show()
        return found

    @property
    def unfinished(self) -> int:
        """The number of runs that were added and have not ended."""
        return self._runs - self._ended

    def expect(self, runs: int) -> None:
        """Show as many further runs as if they had been added. They probably will be."""
        self._expected = runs

    def _start(self) -> None:
        while self._pool.free and (number := self._queue.take()) is not None:
            self._pace.start(number)
            self._pool.submit(number, self._calls[number])

    def _end(self, ended: Ended) -> Run | Shared | None:
        """Return the call that has ended, or None if it is started again."""
        number = ended.key
        if isinstance(ended.error, WorkerDied) and self._is_worth_repeating(number):
            self._queue.put_back(number)
            return None
        if isinstance(ended.error, Busy):
            call = self._calls[number]
            self._calls[number] = replace(call, config=None) if isinstance(call, Run) else replace(call, patient=True)
            self._queue.put_back(number, last=True)
            return None
        call = self._calls.pop(number)
        if ended.error is not None and isinstance(call, Shared):
            self._fail(number, ended.error)
        self._pace.end(number)
        self._queue.complete(number)
        if isinstance(call, Run):
            self._ended += 1
            self._texts.complete(number)
        return call

    def _is_worth_repeating(self, number: int) -> bool:
        """Count the death of a worker, and return whether its task is started again."""
        # More steps than planned: they are not stored, and the task begins from the start each time.
        has_progressed = self._steps_before[number] < self._steps[number] <= self._queue.tasks[number].steps
        self._steps_before[number] = self._steps[number]
        self._deaths[number] = 1 if has_progressed else self._deaths[number] + 1
        return self._deaths[number] < ATTEMPTS

    def _fail(self, number: int, error: Exception) -> None:
        """Let the runs that depend on the task `number` fail with its error."""
        for dependent in self._queue.dependent(number):
            call = self._calls[dependent]
            if isinstance(call, Run):
                self._calls[dependent] = replace(call, error=error)

    def _receive(self, message: Message) -> None:
        report: Report = message.value
        if isinstance(report, Printed):
            self._texts.add(message.key, report.text)
        elif isinstance(report, Stepped):
            self._steps[message.key] += 1
            self._pace.step(message.key, epoch=report.epoch)
        else:
            self._completed.setdefault(report.peers, []).append(report)
            self._best = _best(self._completed.values())
        self._show()

    def _show(self) -> None:
        pace = self._pace
        progress = Progress(
            runs=self._runs + self._expected,
            ended=self._ended,
            epochs=pace.epochs,
            trained=pace.trained,
            left=pace.left(self._ended, self._expected),
            best=self._best,
        )
        self._display.show(progress)


def _best(completed: Iterable[Sequence[Completed]]) -> Completed | None:
    """Return the smallest network about as good as the best dense network of the runs that it can be compared with."""
    good = (
        each
        for peers in completed
        for each, is_good in zip(peers, about_as_good([(one.dense, one.final) for one in peers]), strict=True)
        if is_good
    )
    return max(good, key=lambda each: each.merit, default=None)


class Texts:
    """Prints what runs print, in the order of the runs: a later run waits until the earlier ones have ended."""

    def __init__(self, output: Callable[[str], None]) -> None:
        self._output = output
        self._waiting: dict[int, list[str]] = {}
        self._complete: set[int] = set()

    def expect(self, number: int) -> None:
        """Print the texts of the task `number` after those of all tasks that were expected before."""
        self._waiting[number] = []

    def add(self, number: int, text: str) -> None:
        """Print `text`, now or when it is the turn of the task `number`."""
        if number not in self._waiting or number == next(iter(self._waiting)):
            self._output(text)
        else:
            self._waiting[number].append(text)

    def complete(self, number: int) -> None:
        """Let the tasks after `number` print."""
        self._complete.add(number)
        while self._waiting and (first := next(iter(self._waiting))) in self._complete:
            del self._waiting[first]
            self._complete.remove(first)
            following = self._waiting.get(next(iter(self._waiting), -1), [])
            for text in following:
                self._output(text)
            following.clear()
