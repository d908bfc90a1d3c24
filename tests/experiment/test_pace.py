import pytest

from prunesweep.chain.tasks import Part, Task
from prunesweep.experiment.pace import INTERVAL, Pace

SHARED = Task(0, Part(0, 10), 100.0, steps=10, epochs=10)
OWN = [Task(run, None, 20.0, steps=2, epochs=2, after=frozenset({0})) for run in (0, 1, 2)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pace(clock: Clock, *, is_known: bool, workers: int = 2) -> Pace:
    made = Pace(workers, clock)
    for number, task in enumerate([SHARED, *OWN]):
        made.add(number, task, is_known=is_known)
    return made


def test_the_time_left_is_that_of_the_plan_then_follows_the_measurements(clock: Clock) -> None:
    watched = pace(clock, is_known=True)
    assert watched.left() == 140, "100 s, then three runs of 20 s by two workers"
    watched.start(0)
    for _ in range(5):
        watched.step(0, epoch=True)
    clock.now = 100
    assert watched.left() == 90
    clock.now = 200
    watched.end(0)
    assert watched.left() == 80, "everything takes twice as long as planned"
    assert (watched.trained, watched.epochs) == (10, 16)


def test_times_that_no_plan_knows_come_from_the_first_epochs(clock: Clock) -> None:
    watched = pace(clock, is_known=False)
    assert watched.left() is None
    watched.start(0)
    watched.step(0, epoch=True)
    clock.now = 4
    assert watched.left() == 4 * 9 + 4 * 2 * 2
    for _ in range(9):
        watched.step(0, epoch=True)
    clock.now = 40
    watched.end(0)
    watched.start(1)
    assert watched.left() == 4 * 2 * 2


def test_a_task_that_is_repeated_is_counted_once(clock: Clock) -> None:
    watched = pace(clock, is_known=True)
    for _ in range(2):
        watched.start(0)
        for _ in range(3):
            watched.step(0, epoch=True)
    assert watched.trained == 3
    watched.end(0)
    assert watched.trained == 10


def test_estimates_are_made_from_time_to_time(clock: Clock) -> None:
    watched = pace(clock, is_known=True)
    before = watched.left()
    watched.start(0)
    watched.end(0)
    assert watched.left() == before
    clock.now = INTERVAL * 1.1
    assert watched.left() != before


def test_nothing_is_left_at_the_end(clock: Clock) -> None:
    assert Pace(1, clock).left() == 0
