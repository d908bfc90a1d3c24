"""Execute a chain: load from the store what it holds, compute the rest in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prunesweep.chain.context import Context
from prunesweep.chain.costs import Meter
from prunesweep.chain.environment import digests, extend
from prunesweep.chain.observations import Observation
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.store.store import Store

OnStep = Callable[[int, Step, Record], None]
"""A callback after each computed step: its position, the step, its record."""


def ignore_step(position: int, step: Step, record: Record) -> None:
    """Do nothing after a step."""


class Execution:
    """The states of a chain. Each is computed at most once, and never if the store holds it.

    States must be requested in order; only the last one is kept in memory. An entry of the store also holds the
    records of all earlier steps, so that it represents the whole run up to its step.

    Attributes:
        records: One record for each step up to the last requested state.
        computed: Number of steps computed by this execution.
        meter: Measures what the computed steps and observations cost.
    """

    def __init__(
        self,
        chain: Sequence[Step],
        context: Context,
        root: Mapping[str, Any],
        store: Store,
        on_step: OnStep = ignore_step,
        meter: Meter | None = None,
    ) -> None:
        self.chain = chain
        self.context = replace(context, recall=self._recall, recorded=lambda position: self.records[position])
        self.root = root
        self.store = store
        self.on_step = on_step
        self.digests = digests(root, chain)
        self.records: list[Record] = []
        self.computed = 0
        self.meter = meter or Meter(context, root)
        self._state = State()
        self._recalled = {earlier for step in chain for earlier in step.recalls}
        self._kept: dict[int, State] = {}

    def state(self, position: int) -> State:
        """Return the state after the step at `position`, from the store or computed from the nearest stored state.

        Raises:
            ValueError: A later state was requested before.
        """
        last = len(self.records) - 1
        if position < last:
            raise ValueError(f"step {position} was requested after step {last}: request the states of a chain in order")
        for index in range(position, last, -1):
            if self._load(index):
                break
        for index in range(len(self.records), position + 1):
            with self.store.lock(self.digests[index]):
                if not self._load(index):  # another process may have computed it in the meantime
                    self._compute(index)
        return self._state

    def _load(self, index: int) -> bool:
        entry = self.store.load(self.digests[index])
        if entry is None:
            return False
        tensors, record = entry
        try:
            state = State.of({name: tensor.to(self.context.device) for name, tensor in tensors.items()})
            records = [dict(each) for each in record["steps"]]
        except (KeyError, TypeError, ValueError) as error:
            self.store.set_aside(self.digests[index], f"it does not hold a state ({error!r})")
            return False
        self._state, self.records = state, records
        self._keep(index)
        return True

    def _compute(self, index: int) -> None:
        step = self.chain[index]
        with self.meter.measure(step, self.store):
            self._state, record = step.apply(self._state, self.context)
            self.records.append(record)
            self.computed += 1
            self._keep(index)
            self.store.save(
                self.digests[index],
                self.digests[index - 1] if index else "",
                step.describe(),
                self._state.tensors(),
                {"steps": self.records},
                summary=step.summary(),
                kind=step.kind,
            )
        self.on_step(index, step, record)

    def _keep(self, index: int) -> None:
        if index in self._recalled:
            self._kept[index] = self._state

    def _recall(self, position: int) -> State:
        """Return the state after an earlier step for a step that goes back to it."""
        if position not in self._kept:
            chain = self.chain[: position + 1]
            earlier = Execution(chain, self.context, self.root, self.store, meter=self.meter)
            self._kept[position] = earlier.state(position)
        return self._kept[position]

    def observe(self, position: int, observation: Observation) -> Record:
        """Return the figures that `observation` measures on the state after the step at `position`.

        They are measured once for each digest.
        """
        parent = self.digests[position]
        digest = extend(parent, observation.describe())
        record = self._observed(digest, observation)
        if record is None:
            state = self.state(position)
            with self.store.lock(digest):
                record = self._observed(digest, observation)  # another process may have measured it in the meantime
                if record is None:
                    with self.meter.measure(observation, self.store):
                        record = observation.observe(state, self.context)
                        self.store.save(digest, parent, observation.describe(), None, record)
        return record

    def _observed(self, digest: str, observation: Observation) -> Record | None:
        record = self.store.record(digest)
        if record is not None and not observation.fits(record):
            self.store.set_aside(digest, f"it does not hold the figures of {type(observation).__name__}")
            return None
        return record

    def entries(self, *observations: Observation) -> list[str]:
        """Return the digests of all entries that this run may use: of each state, and of its observations."""
        described = [observation.describe() for observation in observations]
        return [entry for digest in self.digests for entry in (digest, *(extend(digest, each) for each in described))]

    def history(self) -> list[Record]:
        """Return one entry for each epoch up to the last requested state: position, phase, round, and its record."""
        return [
            {"step": position, "phase": step.phase, "round": step.round, **record}
            for position, (step, record) in enumerate(zip(self.chain, self.records, strict=False))
            if isinstance(step, TrainEpoch)
        ]
