from collections.abc import Sequence

import pytest

from prunesweep.search.evaluation import TrialRun
from prunesweep.search.executing import Batches

TRIALS = {4: [TrialRun(0, (), "4/seed=0"), TrialRun(1, (), "4/seed=1")], 5: [TrialRun(0, (), "5/seed=0")]}
DIRECTORIES = ["4/seed=0", "4/seed=1", "5/seed=0"]


def test_a_batch_is_launched_at_once_and_ends_at_once() -> None:
    launched: list[tuple[list[str], int]] = []
    batches = Batches(3, lambda runs, first: launched.append(([run.directory for run in runs], first)))
    assert batches.free == 3
    batches.start(TRIALS, expected=9)
    assert (batches.free, launched) == (0, [])
    assert batches.wait() == DIRECTORIES
    assert launched == [(DIRECTORIES, 4)]
    assert batches.free == 3


def test_a_launcher_that_raises_ends_its_batch_only(caplog: pytest.LogCaptureFixture) -> None:
    def launch(runs: Sequence[TrialRun], first: int) -> None:
        raise RuntimeError("a worker was killed\nand more")

    batches = Batches(2, launch)
    batches.start(TRIALS, expected=0)
    assert batches.free == 0, "more runs than fit"
    assert batches.wait() == DIRECTORIES
    assert caplog.messages == ["The launcher failed: RuntimeError: a worker was killed"]
