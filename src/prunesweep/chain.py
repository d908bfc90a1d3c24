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

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prunesweep.state import Setting, State
from prunesweep.steps import Record, Step
from prunesweep.store import Store, canonical

FORMAT = 1  # raised when what an entry of the store holds changes its meaning

OnStep = Callable[[int, Step, Record], None]
"""Told of each step that is finished: its position, the step, its record."""


def environment(device: str, threads: int) -> dict[str, Any]:
    """What else changes the bits: the root of every digest.

    The kind of device is its model: another one sums in another order. On CUDA too the threads count, since pruning
    scores weights on the CPU.
    """
    import torch

    cuda = device.startswith("cuda")
    return {
        "format": FORMAT,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if cuda else _processor(),
        "threads": threads,
    }


def _processor() -> str:
    """The model of the CPU, and the vector unit that torch uses of it, like `AMD EPYC AVX2`."""
    import torch

    told = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{told.get('cpu_name') or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


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
        try:
            state = State.of({name: tensor.to(self.setting.device) for name, tensor in tensors.items()})
            self.records = list(record["steps"])
        except (KeyError, TypeError) as error:
            self.store.set_aside(self.digests[index], f"it holds no state ({error!r})")
            return False
        self._state = state
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
            state = self.state(position)
            with self.store.lock(digest):
                record = self.store.record(digest)  # another process may just have made it
                if record is None:
                    _, record = observation.apply(state, self.setting)
                    self.store.save(digest, parent, observation.describe(), None, record)
        return record

    def entries(self, *observations: Step) -> list[str]:
        """The digests of all that this run may take from the store: each state's, and those of its observations."""
        described = [observation.describe() for observation in observations]
        return [entry for digest in self.digests for entry in (digest, *(extend(digest, each) for each in described))]

    def history(self) -> list[Record]:
        """The records of all epochs up to the state asked for last, each with its position in the chain as `step`."""
        return [{"step": index, **record} for index, record in enumerate(self.records) if "epoch" in record]
