"""A chain under way: what the store holds is read, what it lacks is computed, in order.

`digest(k) = H(digest(k-1), step k)`, begun with the digest of the environment. Two states are the same if and only if
their digests are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prunesweep.state import Setting, State
from prunesweep.steps import Record, Step
from prunesweep.store import Store, canonical

OnStep = Callable[[int, Step, Record], None]
"""Told of each step that is finished: its position, the step, its record."""


def environment(device: str, threads: int) -> dict[str, Any]:
    """What else changes the bits: torch's release, the kind of device, and on a CPU its vector unit and the threads.

    The index of a device, paths and names do not.
    """
    import torch

    if device.startswith("cuda"):
        return {"torch": torch.__version__, "device": torch.cuda.get_device_name(device)}
    return {
        "torch": torch.__version__,
        "device": "cpu",
        "vector_unit": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
    }


def extend(digest: str, description: Any) -> str:
    """The digest of what `description` makes of the state with `digest`."""
    return hashlib.sha256(digest.encode() + canonical(description)).hexdigest()


def digests(root: dict[str, Any], chain: Sequence[Step]) -> list[str]:
    """The digest after each step of `chain`, in the environment `root`."""
    result = [extend("", root)]
    for step in chain:
        result.append(extend(result[-1], step.describe()))
    return result[1:]


class Execution:
    """The states of a chain, each computed at most once and never when the store holds it.

    Positions are to be asked for in rising order; only the state asked for last is kept in memory. An entry of the
    store carries the records of all steps before it too, so that it stands for the whole run up to there.

    Attributes:
        records: one for each step up to the state asked for last.
        computed: how many steps were computed here and now.
    """

    def __init__(
        self, chain: Sequence[Step], setting: Setting, root: dict[str, Any], store: Store, on_step: OnStep
    ) -> None:
        self.chain = chain
        self.setting = replace(setting, recall=self._recall)
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
        self._state = State.of({name: tensor.to(self.setting.device) for name, tensor in tensors.items()})
        self.records = record["steps"]
        self._keep(index)
        return True

    def _compute(self, index: int) -> None:
        step = self.chain[index]
        self._state, record = step.apply(self._state, self.setting)
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
            earlier = Execution(self.chain[: position + 1], self.setting, self.root, self.store, lambda *_: None)
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
            _, record = observation.apply(self.state(position), self.setting)
            self.store.save(digest, parent, observation.describe(), None, record)
        return record

    def history(self) -> list[Record]:
        """The records of all epochs up to the state asked for last, each with its position in the chain as `step`."""
        return [{"step": index, **record} for index, record in enumerate(self.records) if "epoch" in record]
