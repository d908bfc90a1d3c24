"""Times of several variants of a computation, measured in turn, so that a disturbance affects all of them."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prunesweep.chain.seeding import evaluating

Timer = Callable[[int], float]
"""Executes a number of calls and returns the seconds that they take together."""

Timers = Callable[[int], Timer]
"""Returns the timer of batches of a given size."""

TURN = 2e-3
"""The time in seconds of one measurement. A faster call is repeated in it."""


@dataclass(frozen=True)
class Times:
    """Microseconds of one call, over the rounds.

    Attributes:
        median: The median.
        low: The first quartile.
        high: The third quartile.
    """

    median: float
    low: float
    high: float


def interleaved(timers: Mapping[str, Timer], rounds: int, turn: float = TURN) -> dict[str, Times]:
    """Return the times of one call of each timer, by name.

    In each round, each timer has its turn: one call that is not measured, which brings its data back into the caches,
    then as many calls as take `turn` seconds, at least one.

    Args:
        timers: What is measured, by name.
        rounds: The number of rounds, at least 1.
        turn: The seconds of one measurement. If it is much shorter than a time slice of the operating system, other
            programs interrupt few measurements, and the median is that of an idle machine.
    """
    calls = {name: _calls_in_a_turn(timer, turn) for name, timer in timers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            timer(1)
            seconds[name].append(timer(calls[name]) / calls[name])
    return {name: summarized(values) for name, values in seconds.items()}


def _calls_in_a_turn(timer: Timer, turn: float) -> int:
    timer(1)  # warm-up: the first call allocates memory and chooses algorithms
    fastest = min(timer(1) for _ in range(3))
    return max(1, round(turn / max(fastest, 1e-9)))


def summarized(seconds: Sequence[float]) -> Times:
    """Return the median and the quartiles of `seconds` in microseconds."""
    values = [1e6 * value for value in seconds]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return Times(median, low, high)


def python_timers(network: Callable[[Tensor], object], images: Tensor) -> Timers:
    """Return the timers of `network`, each of whose calls processes the next batch of `images` `[n, ...]`."""

    def timers(batch: int) -> Timer:
        batches = itertools.cycle([part.clone() for part in images.split(batch) if len(part) == batch])

        def timer(calls: int) -> float:
            with torch.inference_mode(), evaluating("cpu"):
                given = list(itertools.islice(batches, calls))
                started = time.perf_counter()
                for part in given:
                    network(part)
                return time.perf_counter() - started

        return timer

    return timers
