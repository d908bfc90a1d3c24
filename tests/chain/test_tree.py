from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from chains import CONTEXT
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.chain.context import Context
from prunesweep.chain.environment import digests, extend
from prunesweep.chain.execution import Execution
from prunesweep.chain.observations import Observation
from prunesweep.chain.state import State
from prunesweep.chain.steps import Described, Record, Step, TrainEpoch
from prunesweep.chain.tree import Branch, Tree, remaining
from prunesweep.store.costs import Cost
from prunesweep.store.store import Store

ROOT = {"torch": "1"}


@pytest.fixture(autouse=True, scope="module")
def without_code_hashes() -> None:
    """Describe the steps of this file, which are not part of prunesweep, without a hash of their code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prunesweep.chain.steps.code_hash", lambda module: module)
        yield


@dataclass(frozen=True)
class Move(Step):
    """A step that costs `value` seconds. It can recall an earlier state."""

    value: int
    to: int | None = None

    @property
    def recalls(self) -> tuple[int, ...]:
        return () if self.to is None else (self.to,)

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        for each in self.recalls:
            context.recall(each)
        return state, {}


@dataclass(frozen=True)
class Look(Observation):
    """An observation that costs 100 seconds."""

    def observe(self, state: State, context: Context) -> Record:
        return {}

    def fits(self, record: Record) -> bool:
        return True


def costs(what: Described) -> Cost | None:
    return Cost(1, what.value if isinstance(what, Move) else 100, 10)


def branch(
    chain: Sequence[Step], holds: Callable[[str], bool] = lambda _: False, looks: Sequence[int] = (), scope: str = ""
) -> Branch:
    after = digests(ROOT, chain)
    observations = [(at, extend(after[at], Look().describe()), Look()) for at in looks]
    return Branch(chain, after, observations, len(chain) - 1, holds, costs, scope)


def moves(*values: int) -> list[Step]:
    return [Move(value) for value in values]


def missing(tree: Tree) -> list[int]:
    """Return the values of the steps that must be computed."""
    return [step.value for name in tree.missing if isinstance(step := tree.nodes[name].step, Move)]


def test_runs_share_the_steps_that_they_begin_with() -> None:
    tree = Tree.of([branch(moves(1, 2, 3)), branch(moves(1, 2, 4)), branch(moves(5))])
    assert missing(tree) == [1, 2, 3, 4, 5]
    assert [node.runs for node in tree.nodes.values()] == [[0, 1], [0, 1], [0], [1], [2]]
    assert (tree.seconds, tree.size, tree.unknown, tree.available) == (15, 50, 0, 0)
    segments = [[tree.nodes[name].step.value for name in each.nodes] for each in tree.segments()]  # type: ignore[attr-defined]
    assert segments == [[1, 2], [3], [4], [5]]
    assert [each.after for each in tree.segments()] == [set(), {0}, {0}, set()]


def test_runs_without_a_common_store_share_nothing() -> None:
    tree = Tree.of([branch(moves(1, 2), scope="a"), branch(moves(1, 2), scope="b")])
    assert missing(tree) == [1, 2, 1, 2]


def held(chain: Sequence[Step], *positions: int) -> Callable[[str], bool]:
    """Return a store that contains the states at `positions`."""
    return {digests(ROOT, chain)[position] for position in positions}.__contains__


def test_a_stored_state_makes_the_steps_before_it_unnecessary() -> None:
    chain = moves(1, 2, 3, 4)
    tree = Tree.of([branch(chain, held(chain, 2))])
    assert missing(tree) == [4]
    assert tree.available == 3
    other = moves(1, 2, 9)
    tree = Tree.of([branch(chain, held(chain, 2)), branch(other)])
    assert missing(tree) == [1, 2, 4, 9], "the other run needs them"


def test_a_recalled_state_is_needed_even_if_a_later_one_is_stored() -> None:
    chain = [*moves(1, 2, 3), Move(4, to=0)]
    tree = Tree.of([branch(chain, held(chain, 2))])
    assert missing(tree) == [1, 4]
    assert [each.after for each in tree.segments()] == [set(), {0}]


def test_missing_observations_cost_something_even_where_all_states_are_stored() -> None:
    chain = moves(1, 2)
    tree = Tree.of([branch(chain, held(chain, 0, 1), looks=[0, 1, 1])])
    assert (missing(tree), tree.seconds) == ([], 200)
    assert tree.makespan(1) == 200
    assert tree.makespan(2) == 100


def test_computations_of_unknown_cost_are_counted() -> None:
    unknown = [Branch(moves(1, 2), digests(ROOT, moves(1, 2)), [], 1, lambda _: False, lambda _: None)]
    assert (Tree.of(unknown).unknown, Tree.of(unknown).seconds) == (2, 0)


def test_the_longest_path_is_started_first() -> None:
    tree = Tree.of([branch(moves(value)) for value in (1, 1, 2)])
    assert tree.makespan(2) == 2


def test_epochs_are_counted() -> None:
    from prunesweep.training.settings import SGD

    chain = [*moves(1), TrainEpoch("data", SGD(), 0.1, 8, 0, 0), *moves(2)]
    assert Tree.of([branch(chain)]).epochs == 1


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
def test_a_schedule_is_within_its_bounds(runs: list[list[Step]], data: st.DataObject, workers: int) -> None:
    every = sorted({digest for chain in runs for digest in digests(ROOT, chain)})
    stored = data.draw(st.sampled_from([set(), set(every)]) | st.sets(st.sampled_from(every)))
    tree = Tree.of([branch(chain, stored.__contains__) for chain in runs])
    segments = tree.segments()
    done = [name for segment in segments for name in segment.nodes]
    assert sorted(done) == sorted(tree.missing), "each missing step exactly once"
    assert not {name.rpartition(":")[2] for name in done} & stored
    span = tree.makespan(workers)
    assert max([tree.seconds / workers, *remaining(segments)]) - 1e-9 <= span <= tree.seconds + 1e-9
    assert (not done) == (span == 0)
    if not stored:
        assert set(done) == set(tree.nodes)
    if stored == set(every):
        assert not done
    assert tree.makespan(1) == pytest.approx(tree.seconds)


@pytest.mark.parametrize("kept", [(), (0,), (2,), (1, 4), (0, 3), (5,)])
def test_the_tree_predicts_what_an_execution_computes(kept: tuple[int, ...], tmp_path: Path) -> None:
    chain = [*moves(1, 2, 3), Move(4, to=1), Move(5, to=0), Move(6, to=1)]
    Execution(chain, CONTEXT, ROOT, Store(tmp_path)).state(5)
    digest_of = digests(ROOT, chain)
    for position, digest in enumerate(digest_of):
        if position not in kept:
            Store(tmp_path)._path(digest, ".json").unlink()
    planned = Tree.of([branch(chain, Store(tmp_path).holds, looks=[2, 5])])
    before = {digest for digest in digest_of if Store(tmp_path).holds(digest)}
    run = Execution(chain, CONTEXT, ROOT, Store(tmp_path))
    run.observe(2, Look())
    run.observe(5, Look())
    run.state(5)
    assert set(planned.missing) == {digest for digest in digest_of if Store(tmp_path).holds(digest)} - before
    assert planned.seconds - 200 == sum(planned.nodes[name].step.value for name in planned.missing)  # type: ignore[attr-defined]
    assert len(run.meter.spent) == len(planned.missing) + 2
