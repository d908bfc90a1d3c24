"""A chain under way: what the store holds is read, what it lacks is computed, in order.

`digest(k) = H(digest(k-1), step k)`, begun with the digest of the environment. Two states are the same if and only if
their digests are. What goes in, all of it, and tests/test_digest.py goes through this list:

- environment: the format of an entry, torch's release, the model of the device, on a CPU its vector unit, the threads
- each step: its kind, and the version of its code
- Init: the network's settings, the source text of its class (of the whole module for a user's own), the shape of an
  image, the seed
- TrainEpoch and Evaluate: the data, which is the bytes of its files, its split and its normalisation
- TrainEpoch: the optimizer's settings, the epoch's own learning rate, the batch size, the epoch's number, the seed
- Prune: criterion, scope and amount, the source of a user's own criterion, the layers, its number, the seed

What does not change the bits stays out: where data, runs and the store lie, and how large that may be; the index of a
device; how layers, learning rates and settings were written, as long as they come to the same; logging, and all else
of Hydra's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prunesweep.chain.context import Context
from prunesweep.chain.environment import digests, extend
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, Step
from prunesweep.store.store import Store

OnStep = Callable[[int, Step, Record], None]
"""Told of each step that is finished: its position, the step, its record."""


class Execution:
    """The states of a chain, each computed at most once and never when the store holds it.

    Positions are to be asked for in rising order; only the state asked for last is kept in memory. An entry of the
    store carries the records of all steps before it too, so that it stands for the whole run up to there.

    Attributes:
        records: one for each step up to the state asked for last.
        computed: how many steps were computed here and now.
    """

    def __init__(
        self, chain: Sequence[Step], context: Context, root: dict[str, Any], store: Store, on_step: OnStep
    ) -> None:
        self.chain = chain
        self.context = replace(context, recall=self._recall)
        self.root = root
        self.store = store
        self.on_step = on_step
        self.digests = digests(root, chain)
        self.records: list[Record] = []
        self.computed = 0
        self._state = State()
        self._recalled = {earlier for step in chain for earlier in step.recalls}
        self._kept: dict[int, State] = {}

    def state(self, position: int) -> State:
        """The state after the step at `position`: from the store, or computed from the nearest before it."""
        for index in range(position, len(self.records) - 1, -1):
            if self._loaded(index):
                break
        for index in range(len(self.records), position + 1):
            with self.store.lock(self.digests[index]):
                if not self._loaded(index):  # nor has another process just computed it
                    self._compute(index)
        return self._state

    def _loaded(self, index: int) -> bool:
        entry = self.store.load(self.digests[index])
        if entry is None:
            return False
        tensors, record = entry
        try:
            state = State.of({name: tensor.to(self.context.device) for name, tensor in tensors.items()})
            self.records = list(record["steps"])
        except (KeyError, TypeError) as error:
            self.store.set_aside(self.digests[index], f"it holds no state ({error!r})")
            return False
        self._state = state
        self._keep(index)
        return True

    def _compute(self, index: int) -> None:
        step = self.chain[index]
        self._state, record = step.apply(self._state, self.context)
        self.records.append(record)
        self.computed += 1
        self._keep(index)
        parent = self.digests[index - 1] if index else ""
        tensors, told = self._state.tensors(), {"steps": self.records}
        self.store.save(self.digests[index], parent, step.describe(), tensors, told)
        self.on_step(index, step, record)

    def _keep(self, index: int) -> None:
        if index in self._recalled:
            self._kept[index] = self._state

    def _recall(self, position: int) -> State:
        """The state after an earlier step, for one that goes back to it: in memory, stored, or computed again."""
        if position not in self._kept:
            earlier = Execution(self.chain[: position + 1], self.context, self.root, self.store, lambda *_: None)
            self._kept[position] = earlier.state(position)
        return self._kept[position]

    def observe(self, position: int, observation: Step) -> Record:
        """What `observation`, which changes nothing, tells of the state after the step at `position`.

        Computed once for each digest.
        """
        parent = self.digests[position]
        digest = extend(parent, observation.describe())
        record = self.store.record(digest)
        if record is None:
            state = self.state(position)
            with self.store.lock(digest):
                record = self.store.record(digest)  # another process may just have made it
                if record is None:
                    _, record = observation.apply(state, self.context)
                    self.store.save(digest, parent, observation.describe(), None, record)
        return record

    def entries(self, *observations: Step) -> list[str]:
        """The digests of all that this run may take from the store: each state's, and those of its observations."""
        described = [observation.describe() for observation in observations]
        return [entry for digest in self.digests for entry in (digest, *(extend(digest, each) for each in described))]

    def history(self) -> list[Record]:
        """The records of all epochs up to the state asked for last, each with its position in the chain as `step`."""
        return [{"step": index, **record} for index, record in enumerate(self.records) if "epoch" in record]
