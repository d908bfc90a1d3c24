import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from trees import moves, tree_of, without_code_hashes

from prunesweep.chain.tasks import Part
from prunesweep.experiment.forecast import Forecast
from prunesweep.experiment.progress import Completed, Printed, Stepped
from prunesweep.experiment.shared import Busy, Shared
from prunesweep.experiment.sweep import ATTEMPTS, Progress, Run, Sweep, Texts
from prunesweep.workers import Send, ThisProcess, WorkerDied, Workers

__all__ = ["without_code_hashes"]

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
CHAINS = [moves(1, 2, 3), moves(1, 2, 4), moves(5)]


class Display:
    """Keeps what it would show."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.printed: list[str] = []

    def show(self, progress: Progress) -> None:
        self.progress.append(progress)

    def print(self, text: str) -> None:
        self.printed.append(text)


def runs(count: int, first: int = 0) -> list[Run]:
    return [Run(first + number, (f"x={number}",)) for number in range(count)]


def planned(sweep: Sweep) -> None:
    """Add three runs, of which the first two share steps."""
    sweep.add(runs(3), ["a", "b", "c"], Forecast(tree_of(CHAINS), 0, 0.0))  # type: ignore[list-item]


def test_shared_steps_come_before_their_runs_and_are_computed_once() -> None:
    calls: list[Run | Shared] = []
    sweep = Sweep(ThisProcess(lambda call, _: calls.append(call)), Display())
    planned(sweep)
    ended = [run.number for run, _ in sweep.ended()]
    shared, *rest = calls
    assert shared == Shared("a", Part(0, 1))  # type: ignore[arg-type]
    assert [(run.number, run.config) for run in rest if isinstance(run, Run)] == [(0, "a"), (1, "b"), (2, "c")]
    assert ended == [0, 1, 2]


def test_without_a_plan_each_run_is_executed_and_more_runs_can_be_added() -> None:
    sweep, numbers = Sweep(ThisProcess(lambda call, _: call.number), Display()), []
    sweep.add(runs(1))
    for run, ended in sweep.ended():
        assert ended.value == run.number
        numbers.append(run.number)
        if len(numbers) < 4:
            sweep.add(runs(1, first=len(numbers)))
    assert numbers == [0, 1, 2, 3]


def test_what_another_process_computes_comes_last_and_is_then_awaited() -> None:
    calls: list[tuple[str, bool]] = []

    def handle(call: Run | Shared, _: Send) -> None:
        patient = call.patient if isinstance(call, Shared) else call.config is None
        calls.append((str(call.part if isinstance(call, Shared) else call.number), patient))
        if not patient and calls[-1][0] != "2":
            raise Busy

    sweep = Sweep(ThisProcess(handle), Display())
    planned(sweep)
    assert [run.number for run, _ in sweep.ended()] == [2, 0, 1]
    part = str(Part(0, 1))
    assert calls == [(part, False), ("2", False), (part, True), ("0", False), ("1", False), ("0", True), ("1", True)]


def test_an_error_of_shared_steps_is_that_of_their_runs() -> None:
    def handle(call: Run | Shared, _: Send) -> None:
        if isinstance(call, Shared):
            raise ArithmeticError("diverged")
        if call.error is not None:
            raise call.error

    sweep = Sweep(ThisProcess(handle), Display())
    planned(sweep)
    assert [(run.number, repr(ended.error)) for run, ended in sweep.ended()] == [
        (0, "ArithmeticError('diverged')"),
        (1, "ArithmeticError('diverged')"),
        (2, "None"),
    ]


def die_until(folder: Path, deaths: int, name: str) -> None:
    """Kill this process, unless that has happened `deaths` times for the call `name`."""
    count = len(list(folder.glob(f"{name}-*")))
    if count < deaths:
        (folder / f"{name}-{count}").touch()
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("steps", "deaths", "failed"),
    [(0, ATTEMPTS - 1, []), (0, ATTEMPTS, [0, 1]), (1, ATTEMPTS, []), (1, ATTEMPTS + 1, [0, 1])],
)
def test_a_task_whose_worker_is_killed_is_repeated_a_few_times_without_progress(
    steps: int, deaths: int, failed: Sequence[int], tmp_path: Path
) -> None:
    """The shared task has two steps, so only the first two attempts that report a step are progress."""

    def handle(call: Run | Shared, send: Send) -> None:
        if isinstance(call, Shared):
            for _ in range(steps):
                send(Stepped(epoch=False))
            die_until(tmp_path, deaths, "shared")
        elif call.error is not None:
            raise call.error

    with Workers(2, handle) as pool:
        sweep = Sweep(pool, Display())
        planned(sweep)
        ended = {run.number: each.error for run, each in sweep.ended()}
    assert sorted(ended) == [0, 1, 2]
    assert [number for number, error in sorted(ended.items()) if isinstance(error, WorkerDied)] == failed


def completed(dense: float, final: float, reduction: float, left: int, seed: int = 0) -> Completed:
    return Completed(("mnist5k", seed), dense, final, reduction, left)


def test_progress_counts_runs_and_epochs_and_names_the_smallest_good_network() -> None:
    results = [completed(0.9, 0.9, 0.5, 50), completed(0.9, 0.896, 0.7, 30), completed(0.9, 0.89, 0.9, 10)]

    def handle(call: Any, send: Send) -> None:
        if isinstance(call, Run):
            send(results[call.number])
        else:
            send(Stepped(epoch=False))

    display = Display()
    sweep = Sweep(ThisProcess(handle), display)
    planned(sweep)
    assert len(list(sweep.ended())) == 3
    last = display.progress[-1]
    assert (last.runs, last.ended, last.epochs, last.trained, last.best) == (3, 3, 0, 0, results[1])
    assert display.progress[0].best is None


def test_a_network_from_a_bad_dense_network_is_not_the_best_and_other_seeds_do_not_count() -> None:
    good, bad, other = completed(0.9, 0.9, 0.5, 50), completed(0.6, 0.6, 0.9, 10), completed(0.7, 0.7, 0.6, 40, seed=1)
    results = [bad, good, other]

    def handle(call: Any, send: Send) -> None:
        send(results[call.number] if isinstance(call, Run) else Stepped(epoch=False))

    display = Display()
    sweep = Sweep(ThisProcess(handle), display)
    planned(sweep)
    assert len(list(sweep.ended())) == 3
    assert display.progress[-1].best == other


def test_of_networks_of_one_size_the_more_accurate_is_the_best_then_the_smaller() -> None:
    first, accurate, small = completed(0.9, 0.896, 0.7, 30), completed(0.9, 0.9, 0.7, 30), completed(0.9, 0.9, 0.7, 20)
    assert sorted([small, first, accurate], key=lambda each: each.merit) == [first, accurate, small]


def test_what_runs_print_comes_in_the_order_of_the_runs() -> None:
    printed: list[str] = []
    texts = Texts(printed.append)
    for number in (4, 5, 6):
        texts.expect(number)
    texts.add(5, "five")
    texts.add(6, "six")
    texts.add(0, "of shared steps")
    texts.add(4, "four")
    assert printed == ["of shared steps", "four"]
    texts.complete(6)
    texts.complete(4)
    assert printed[2:] == ["five"]
    texts.add(5, "five again")
    texts.complete(5)
    assert printed[3:] == ["five again", "six"]


def test_runs_print_through_the_display() -> None:
    display = Display()
    sweep = Sweep(ThisProcess(lambda call, send: send(Printed(f"{call.number}\n"))), display)
    sweep.add(runs(2))
    assert len(list(sweep.ended())) == 2
    assert display.printed == ["0\n", "1\n"]
