"""The tree of a sweep as tasks for workers, and the order in which they are started."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.chain.tree import Node, Tree


@dataclass(frozen=True)
class Part:
    """A part of the chain of a run: the steps at the positions from `first` to `last`."""

    first: int
    last: int


@dataclass(frozen=True)
class Task:
    """Work that one worker does in one go.

    Attributes:
        run: The number of the run. Several runs can contain the steps of `part`; this is the first of them.
        part: Steps that several runs share. None for the rest of the run: its own steps, its measurements, its files.
        seconds: The expected time.
        steps: The number of steps that are computed.
        epochs: The number of epochs among them.
        after: The numbers of the tasks that must be complete before this one.
    """

    run: int
    part: Part | None = None
    seconds: float = 0.0
    steps: int = 0
    epochs: int = 0
    after: frozenset[int] = frozenset()


def tasks(tree: Tree, runs: int, fixed: float = 0.0) -> list[Task]:
    """Divide the work of a sweep into tasks, each after the tasks that it depends on.

    The steps that the same runs share are one task. Each run is a task as well, which contains the steps that no other
    run shares.

    Args:
        tree: The tree of all runs that could be planned.
        runs: The number of all runs.
        fixed: The expected time of a run besides its steps.
    """
    groups: dict[tuple[int, int], list[Node]] = {}
    key_of = {name: (node.runs[0], len(node.runs)) for name, node in tree.nodes.items()}
    for name, node in tree.nodes.items():
        if node.missing or node.seconds or node.unknown:
            groups.setdefault(key_of[name], []).append(node)
    shared = {key: number for number, key in enumerate(key for key in groups if key[1] > 1)}
    before: dict[int, set[int]] = {run: set() for run in range(runs)}
    for key, number in shared.items():
        for run in groups[key][0].runs:
            before[run].add(number)
    found = []
    for key, number in shared.items():
        nodes = groups[key]
        needed = {shared[key_of[each]] for node in nodes for each in tree.missing_before(node)} - {number}
        part = Part(nodes[0].position, nodes[-1].position)
        found.append(_task(key[0], part, nodes, 0.0, needed))
    return found + [_task(run, None, groups.get((run, 1), []), fixed, before[run]) for run in range(runs)]


def _task(run: int, part: Part | None, nodes: Sequence[Node], fixed: float, after: Iterable[int]) -> Task:
    steps = [node.step for node in nodes if node.missing]
    epochs = sum(isinstance(step, TrainEpoch) for step in steps)
    return Task(run, part, fixed + sum(node.seconds for node in nodes), len(steps), epochs, frozenset(after))


class Queue:
    """The tasks of a sweep in the order in which they are started.

    Attributes:
        tasks: All tasks that were added.
    """

    def __init__(self, *, in_order: bool = False) -> None:
        """Create an empty queue.

        Args:
            in_order: Whether the tasks of the first run come first. Otherwise the task with the longest remaining path
                comes first, so that no worker is left without work at the end.
        """
        self.tasks: list[Task] = []
        self._in_order = in_order
        self._priorities: list[float] = []
        self._waiting: list[int] = []
        self._followers: list[list[int]] = []
        self._ready: list[tuple[float, int]] = []

    def add(self, more: Sequence[Task]) -> range:
        """Add tasks, whose `after` are positions in `more`. Return their numbers in the queue."""
        start = len(self.tasks)
        longest = remaining(more)
        self.tasks += more
        for position, task in enumerate(more):
            self._priorities.append(task.run if self._in_order else -longest[position])
            self._waiting.append(len(task.after))
            self._followers.append([])
            for before in task.after:
                self._followers[start + before].append(start + position)
            if not task.after:
                self.put_back(start + position)
        return range(start, len(self.tasks))

    def take(self) -> int | None:
        """Remove and return the number of the next task, or None if no task can be started now."""
        return heapq.heappop(self._ready)[1] if self._ready else None

    def put_back(self, number: int, *, last: bool = False) -> None:
        """Let a task that was taken be started again, at its place or after all that can be started now."""
        heapq.heappush(self._ready, (math.inf if last else self._priorities[number], number))

    def complete(self, number: int) -> None:
        """Let the tasks that depend on `number` be started."""
        for follower in self._followers[number]:
            self._waiting[follower] -= 1
            if not self._waiting[follower]:
                self.put_back(follower)

    def dependent(self, number: int) -> set[int]:
        """Return the numbers of all tasks that depend on `number`."""
        found = set(self._followers[number])
        for follower in self._followers[number]:
            found |= self.dependent(follower)
        return found


def remaining(tasks: Sequence[Task]) -> list[float]:
    """Return for each task the expected time of the longest path that begins with it."""
    longest = [0.0] * len(tasks)
    for number in reversed(range(len(tasks))):
        longest[number] += tasks[number].seconds
        for before in tasks[number].after:
            longest[before] = max(longest[before], longest[number])
    return longest


def waves(tasks: Sequence[Task], runs: int) -> list[list[int]]:
    """Divide the runs into groups, so that no two runs of a group share a step that an earlier group did not compute.

    For executors that know only runs. The runs with the longest expected time come first in their group.
    """
    shares = {task.run: task.after for task in tasks if task.part is None}
    total = {run: sum(tasks[each].seconds for each in shares[run]) for run in range(runs)}
    waiting = sorted(range(runs), key=lambda run: (-len(shares[run]), -total[run], run))
    computed: set[int] = set()
    found = []
    while waiting:
        wave: list[int] = []
        taken: set[int] = set()
        for run in waiting:
            if not taken & (shares[run] - computed):
                wave.append(run)
                taken |= shares[run] - computed
        found.append(wave)
        computed |= taken
        chosen = set(wave)
        waiting = [run for run in waiting if run not in chosen]
    return found


def makespan(tasks: Sequence[Task], workers: int) -> float:
    """Return the expected time of all `tasks` with `workers` workers."""
    queue = Queue(in_order=workers == 1)
    queue.add(tasks)
    running: list[tuple[float, int, int]] = []
    order, now = itertools.count(), 0.0
    while True:
        while len(running) < workers and (number := queue.take()) is not None:
            heapq.heappush(running, (now + queue.tasks[number].seconds, next(order), number))
        if not running:
            return now
        now, _, done = heapq.heappop(running)
        queue.complete(done)
