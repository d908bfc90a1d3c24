import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import ROOT, Move, branch, digests, held, moves, tree_of, without_code_hashes

from prunesweep.chain.steps import Step
from prunesweep.chain.tasks import Part, Queue, Task, makespan, remaining, tasks, waves
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.chain.tree import Tree
from prunesweep.training.settings import SGD

__all__ = ["without_code_hashes"]


def test_steps_that_the_same_runs_share_are_one_task() -> None:
    tree = tree_of([moves(1, 2, 3), moves(1, 2, 4), moves(5), moves(1, 2, 4, 6)])
    assert tasks(tree, runs=4, fixed=0.5) == [
        Task(0, Part(0, 1), 3.0, steps=2),
        Task(1, Part(2, 2), 4.0, steps=1, after=frozenset({0})),
        Task(0, None, 3.5, steps=1, after=frozenset({0})),
        Task(1, None, 0.5, after=frozenset({0, 1})),
        Task(2, None, 5.5, steps=1),
        Task(3, None, 6.5, steps=1, after=frozenset({0, 1})),
    ]


def test_stored_steps_need_no_task_and_runs_that_cannot_be_planned_have_one() -> None:
    chain = moves(1, 2, 3)
    tree = Tree.of([branch(chain, held(chain, 1), run=0), branch(moves(1, 2, 4), held(chain, 1), run=2)])
    assert tasks(tree, runs=3) == [Task(0, None, 3.0, 1), Task(1), Task(2, None, 4.0, 1)]


def test_a_missing_measurement_of_a_stored_state_waits_for_nothing() -> None:
    chain = moves(1, 2)
    tree = Tree.of(branch([*chain, *moves(end)], held(chain, 0, 1), looks=[1], run=end) for end in (0, 1))
    first, *runs = tasks(tree, runs=2)
    assert first == Task(0, Part(1, 1), 100.0, steps=0)
    assert [each.after for each in runs] == [{0}, {0}]


def test_a_recalled_state_is_computed_first() -> None:
    chain = [*moves(1, 2, 3), Move(4, to=0)]
    other = [*moves(1, 2, 3), Move(5, to=0)]
    found = tasks(Tree.of([branch(chain, held(chain, 2)), branch(other, held(chain, 2), run=1)]), runs=2)
    assert found == [
        Task(0, Part(0, 0), 1.0, 1),
        Task(0, None, 4.0, 1, after=frozenset({0})),
        Task(1, None, 5.0, 1, after=frozenset({0})),
    ]


def test_epochs_are_counted() -> None:
    chain = [*moves(1), TrainEpoch("data", SGD(), 0.1, 8, 0, 0), *moves(2)]
    assert [(task.steps, task.epochs) for task in tasks(tree_of([chain]), 1)] == [(3, 1)]


def test_the_longest_path_is_started_first_or_the_first_run() -> None:
    three = [Task(0, None, 1.0), Task(1, None, 1.0), Task(2, None, 2.0)]
    queue, ordered = Queue(), Queue(in_order=True)
    for each in (queue, ordered):
        assert each.add(three) == range(3)
    assert [queue.take() for _ in range(4)] == [2, 0, 1, None]
    assert [ordered.take() for _ in range(3)] == [0, 1, 2]
    assert (makespan(three, 2), makespan(three, 1)) == (2, 4)


def test_tasks_that_are_added_later_depend_on_each_other_only() -> None:
    queue = Queue()
    pair = [Task(0, Part(0, 1), 1.0), Task(0, None, 1.0, after=frozenset({0}))]
    queue.add(pair)
    assert queue.add(pair) == range(2, 4)
    assert (queue.dependent(0), queue.dependent(2), queue.dependent(3)) == ({1}, {3}, set())
    assert [queue.take(), queue.take(), queue.take()] == [0, 2, None]
    queue.put_back(0)
    assert queue.take() == 0
    queue.complete(2)
    assert queue.take() == 3


def test_runs_of_a_wave_share_only_what_earlier_waves_compute() -> None:
    tree = tree_of([moves(1, 2, 3), moves(1, 2, 4), moves(5), moves(1, 2, 4, 6), moves(1, 7)])
    assert waves(tasks(tree, 5), 5) == [[1, 2], [3, 0, 4]]
    assert waves([Task(0), Task(1)], 2) == [[0, 1]]


@st.composite
def chains(draw: st.DrawFn) -> list[list[Step]]:
    """Return small chains that often share their first steps. Some steps recall an earlier state."""
    lines = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=5), min_size=1, max_size=5))
    back = draw(st.booleans())
    return [
        [
            Move(value, to=position // 2 if back and value == 3 and position else None)
            for position, value in enumerate(values)
        ]
        for values in lines
    ]


@given(chains(), st.data(), st.integers(1, 4))
def test_each_missing_step_is_in_one_task_and_a_schedule_is_within_its_bounds(
    runs: list[list[Step]], data: st.DataObject, workers: int
) -> None:
    every = sorted({digest for chain in runs for digest in digests(ROOT, chain)})
    stored = data.draw(st.sampled_from([set(), set(every)]) | st.sets(st.sampled_from(every)))
    tree = tree_of(runs, stored.__contains__)
    found = tasks(tree, len(runs))
    assert sum(task.steps for task in found) == len(tree.missing)
    assert sorted(task.run for task in found if task.part is None) == list(range(len(runs)))
    assert sum(task.seconds for task in found) == pytest.approx(tree.seconds)
    assert all(before < number for number, task in enumerate(found) for before in task.after)
    span = makespan(found, workers)
    assert max([tree.seconds / workers, *remaining(found)]) - 1e-9 <= span <= tree.seconds + 1e-9
    assert makespan(found, 1) == pytest.approx(tree.seconds)
    divided = waves(found, len(runs))
    assert sorted(run for wave in divided for run in wave) == list(range(len(runs)))
