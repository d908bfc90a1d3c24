"""Chains of steps that cost as many seconds as their value says, and their trees."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from prunesweep.chain.context import Context
from prunesweep.chain.environment import digests, extend
from prunesweep.chain.observations import Observation
from prunesweep.chain.state import State
from prunesweep.chain.steps import Described, Record, Step
from prunesweep.chain.tree import Branch, Tree
from prunesweep.store.costs import Cost

ROOT = {"torch": "1"}


@pytest.fixture(autouse=True, scope="module")
def without_code_hashes() -> Iterator[None]:
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
    chain: Sequence[Step],
    holds: Callable[[str], bool] = lambda _: False,
    looks: Sequence[int] = (),
    scope: str = "",
    run: int = 0,
) -> Branch:
    after = digests(ROOT, chain)
    observations = [(at, extend(after[at], Look().describe()), Look()) for at in looks]
    return Branch(chain, after, observations, len(chain) - 1, holds, costs, scope, run)


def tree_of(chains: Sequence[Sequence[Step]], holds: Callable[[str], bool] = lambda _: False) -> Tree:
    return Tree.of(branch(chain, holds, run=number) for number, chain in enumerate(chains))


def moves(*values: int) -> list[Step]:
    return [Move(value) for value in values]


def held(chain: Sequence[Step], *positions: int) -> Callable[[str], bool]:
    """Return a store that contains the states at `positions`."""
    return {digests(ROOT, chain)[position] for position in positions}.__contains__
