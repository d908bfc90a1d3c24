import pytest
import torch
from torch import Tensor

from prunesweep.bench.timing import TURN, Times, interleaved, python_timers, summarized


def test_times_are_the_median_and_the_quartiles_in_microseconds() -> None:
    assert summarized([5e-6, 1e-6, 3e-6, 2e-6, 4e-6]) == Times(median=3, low=2, high=4)


def test_a_single_round_has_no_spread() -> None:
    assert summarized([2e-6]) == Times(median=2, low=2, high=2)


def test_timers_have_their_turns_in_each_round_and_fast_calls_are_repeated() -> None:
    log: list[tuple[str, int]] = []

    def timer(name: str, seconds: float) -> None:
        def measured(calls: int) -> float:
            log.append((name, calls))
            return calls * seconds

        timers[name] = measured

    timers = {}
    timer("fast", TURN / 50)
    timer("slow", 10 * TURN)
    times = interleaved(timers, rounds=2)
    turns = [("fast", 1), ("fast", 50), ("slow", 1), ("slow", 1)]
    assert log == [*[("fast", 1)] * 4, *[("slow", 1)] * 4, *turns, *turns]
    assert times["fast"].median == pytest.approx(1e6 * TURN / 50)
    assert times["slow"] == Times(*[pytest.approx(1e7 * TURN)] * 3)


def test_calls_process_the_batches_in_turn_without_a_remainder() -> None:
    seen: list[list[float]] = []

    def network(images: Tensor) -> None:
        assert torch.is_inference_mode_enabled()
        seen.append(images.flatten().tolist())

    timer = python_timers(network, torch.arange(5.0).view(5, 1))(2)
    assert timer(2) > 0
    timer(1)
    assert seen == [[0, 1], [2, 3], [0, 1]]
