from pathlib import Path

import pytest
from chains import CONTEXT
from trees import ROOT, Look, Move, branch, held, moves, tree_of, without_code_hashes

from prunesweep.chain.environment import digests
from prunesweep.chain.execution import Execution
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.chain.tree import Branch, Tree
from prunesweep.store.store import Store

__all__ = ["without_code_hashes"]


def missing(tree: Tree) -> list[int]:
    """Return the values of the steps that must be computed."""
    return [step.value for name in tree.missing if isinstance(step := tree.nodes[name].step, Move)]


def test_runs_share_the_steps_that_they_begin_with() -> None:
    tree = tree_of([moves(1, 2, 3), moves(1, 2, 4), moves(5)])
    assert missing(tree) == [1, 2, 3, 4, 5]
    assert [node.runs for node in tree.nodes.values()] == [[0, 1], [0, 1], [0], [1], [2]]
    assert (tree.seconds, tree.size, tree.unknown, tree.available) == (15, 50, 0, 0)


def test_runs_without_a_common_store_share_nothing() -> None:
    tree = Tree.of([branch(moves(1, 2), scope="a"), branch(moves(1, 2), scope="b", run=1)])
    assert missing(tree) == [1, 2, 1, 2]


def test_a_stored_state_makes_the_steps_before_it_unnecessary() -> None:
    chain = moves(1, 2, 3, 4)
    tree = Tree.of([branch(chain, held(chain, 2))])
    assert missing(tree) == [4]
    assert tree.available == 3
    other = moves(1, 2, 9)
    tree = Tree.of([branch(chain, held(chain, 2)), branch(other, run=1)])
    assert missing(tree) == [1, 2, 4, 9], "the other run needs them"


def test_a_recalled_state_is_needed_even_if_a_later_one_is_stored() -> None:
    chain = [*moves(1, 2, 3), Move(4, to=0)]
    tree = Tree.of([branch(chain, held(chain, 2))])
    assert missing(tree) == [1, 4]


def test_missing_observations_cost_something_even_where_all_states_are_stored() -> None:
    chain = moves(1, 2)
    tree = Tree.of([branch(chain, held(chain, 0, 1), looks=[0, 1, 1])])
    assert (missing(tree), tree.seconds) == ([], 200)


def test_computations_of_unknown_cost_are_counted() -> None:
    unknown = [Branch(moves(1, 2), digests(ROOT, moves(1, 2)), [], 1, lambda _: False, lambda _: None)]
    assert (Tree.of(unknown).unknown, Tree.of(unknown).seconds) == (2, 0)


def test_epochs_are_counted() -> None:
    from prunesweep.training.settings import SGD

    chain = [*moves(1), TrainEpoch("data", SGD(), 0.1, 8, 0, 0), *moves(2)]
    assert Tree.of([branch(chain)]).epochs == 1


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
