"""The steps of many runs as one tree: what must be computed, in which order, and how long it takes.

Chains that begin with the same steps have the same digests, so together they are a tree whose nodes are digests. A step
must be computed only if a run needs its state and the store contains neither this state nor a later one of that run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prunesweep.chain.observations import Observation
from prunesweep.chain.steps import Described, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.store.costs import Cost

Costs = Callable[[Described], Cost | None]
"""The expected cost of a step or an observation, or None if it is not known."""


@dataclass(frozen=True)
class Branch:
    """The chain of one run, and what the run requests of it.

    Attributes:
        chain: The steps.
        digests: The digest after each step.
        observations: The position, the digest and the observation of each measurement, in order.
        final: The position of the state that the run writes.
        holds: Whether the store contains the entry of a digest.
        costs: The expected costs.
        scope: Names the store. Runs with different stores, and runs without a store, share no steps.
        run: The number of the run.
    """

    chain: Sequence[Step]
    digests: Sequence[str]
    observations: Sequence[tuple[int, str, Observation]]
    final: int
    holds: Callable[[str], bool]
    costs: Costs
    scope: str = ""
    run: int = 0


@dataclass
class Node:
    """A step of the tree.

    Attributes:
        step: The step.
        position: The position of the step in its chains.
        parent: The node before it, or None.
        recalls: The nodes of the earlier states that the step uses.
        stored: Whether the store contains the state after the step.
        runs: The numbers of the runs that contain the step.
        missing: Whether the step must be computed.
        seconds: The expected time of the step, if it is missing, and of the missing observations of its state.
        size: The expected bytes of the same.
        unknown: The number of computations, counted in `seconds` as 0, whose time is not known.
    """

    step: Step
    position: int
    parent: str | None
    recalls: frozenset[str]
    stored: bool
    runs: list[int] = field(default_factory=list)
    missing: bool = False
    seconds: float = 0.0
    size: float = 0.0
    unknown: int = 0

    def add(self, cost: Cost | None) -> None:
        """Add the cost of a computation."""
        self.seconds += cost.seconds if cost else 0.0
        self.size += cost.size if cost else 0.0
        self.unknown += cost is None


@dataclass(frozen=True)
class Tree:
    """The tree of all runs of a sweep.

    Attributes:
        nodes: The nodes by scope and digest, each after its parent.
        runs: The number of runs.
    """

    nodes: Mapping[str, Node]
    runs: int

    @classmethod
    def of(cls, branches: Iterable[Branch]) -> Tree:
        """Return the tree of `branches`, the runs in the order in which they are executed.

        Each branch is used once and not kept, because long chains need much memory.
        """
        nodes: dict[str, Node] = {}
        present: dict[str, bool] = {}  # entries that the store contains, or will contain after the runs so far
        runs = 0
        for branch in branches:
            names = [branch.scope + digest for digest in branch.digests]
            for position, (name, step) in enumerate(zip(names, branch.chain, strict=True)):
                if name not in nodes:
                    stored = present[name] = branch.holds(branch.digests[position])
                    recalls = frozenset(names[earlier] for earlier in step.recalls)
                    nodes[name] = Node(step, position, names[position - 1] if position else None, recalls, stored)
                nodes[name].runs.append(branch.run)
            _Walk(branch, names, nodes, present).all()
            runs += 1
        return cls(nodes, runs)

    @property
    def missing(self) -> list[str]:
        """The nodes whose steps must be computed."""
        return [name for name, node in self.nodes.items() if node.missing]

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return sum(isinstance(node.step, TrainEpoch) for node in self.nodes.values())

    @property
    def available(self) -> int:
        """The number of steps that need not be computed: they, or all states that depend on them, are stored."""
        return len(self.nodes) - len(self.missing)

    @property
    def seconds(self) -> float:
        """The expected time of everything that must be computed, one after the other."""
        return sum(node.seconds for node in self.nodes.values())

    @property
    def size(self) -> float:
        """The expected bytes of everything that must be computed."""
        return sum(node.size for node in self.nodes.values())

    @property
    def unknown(self) -> int:
        """The number of computations whose time is not known."""
        return sum(node.unknown for node in self.nodes.values())

    def missing_before(self, node: Node) -> list[str]:
        """Return the nodes that must be computed immediately before `node`: its parent and what it recalls."""
        if not node.missing:
            return []
        return [name for name in (node.parent, *node.recalls) if name is not None and self.nodes[name].missing]


class _Walk:
    """Follows what `Execution` does for one run, and marks what it would compute."""

    def __init__(self, branch: Branch, names: Sequence[str], nodes: dict[str, Node], present: dict[str, bool]) -> None:
        self.branch = branch
        self.names = names
        self.nodes = nodes
        self.present = present
        self.recalled = {earlier for step in branch.chain for earlier in step.recalls}

    def all(self) -> None:
        last, kept = -1, set[int]()
        for position, digest, observation in self.branch.observations:
            name = self.branch.scope + digest
            if not self.present.setdefault(name, self.branch.holds(digest)):
                last = self._state(position, last, kept)
                self.present[name] = True
                self.nodes[self.names[position]].add(self.branch.costs(observation))
        self._state(self.branch.final, last, kept)

    def _state(self, position: int, last: int, kept: set[int]) -> int:
        """Request the state at `position` after the one at `last`, and return the position of the current state."""
        nearest = next((each for each in range(position, last, -1) if self.present[self.names[each]]), last)
        self._keep(nearest, kept)
        for index in range(nearest + 1, position + 1):
            if not self.present[self.names[index]]:
                self._compute(index, kept)
            self._keep(index, kept)
        return max(position, last)

    def _compute(self, index: int, kept: set[int]) -> None:
        for earlier in self.branch.chain[index].recalls:
            if earlier not in kept:
                self._state(earlier, -1, set())
                kept.add(earlier)
        name = self.names[index]
        self.nodes[name].missing = self.present[name] = True
        self.nodes[name].add(self.branch.costs(self.branch.chain[index]))

    def _keep(self, index: int, kept: set[int]) -> None:
        if index in self.recalled:
            kept.add(index)
