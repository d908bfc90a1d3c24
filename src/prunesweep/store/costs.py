"""What steps have cost: seconds and bytes of each kind of step, kept in one small file of the store.

Plans estimate from it how long a sweep takes. Estimates change neither results nor digests, so a file that is damaged
or foreign is ignored.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from prunesweep.files import parse_json, read_regular, write_atomically
from prunesweep.store.entries import DIGEST, LOCK, create
from prunesweep.store.locks import file_lock
from prunesweep.store.tally import BUSY_AFTER, TALLY

if TYPE_CHECKING:
    from prunesweep.store.store import Store

log = logging.getLogger(__name__)

COSTS = "costs.json"
MAX_BYTES = 2**20
"""The largest size of the file in bytes."""
MAX_KINDS = 5_000
"""The number of kinds that are kept. Those measured least recently are dropped first."""
MEMORY = 50
"""A mean counts as at most this many measurements, so that it follows a machine whose speed changes."""


@dataclass(frozen=True)
class Cost:
    """The mean cost of one kind of step.

    Attributes:
        count: the number of measurements.
        seconds: the wall time of one step, including the time to store it.
        size: the bytes that the store needs for one step.
    """

    count: int
    seconds: float
    size: float

    def and_(self, seconds: float, size: float) -> Cost:
        """Return the mean with one more measurement."""
        count = min(self.count, MEMORY - 1)
        total = count + 1
        return Cost(total, (count * self.seconds + seconds) / total, (count * self.size + size) / total)


@dataclass(frozen=True)
class Spent:
    """One measurement.

    Attributes:
        kind: the hash of the kind of step.
        seconds: as in `Cost`.
        size: as in `Cost`.
    """

    kind: str
    seconds: float
    size: float


def read_costs(folder: Path | None) -> dict[str, Cost]:
    """Return the costs in the store `folder` by kind. Empty if the file does not exist or cannot be read."""
    if folder is None:
        return {}
    try:
        values = parse_json(read_regular(folder / COSTS, MAX_BYTES))
        return {kind: cost for kind, fields in values.items() if (cost := _cost(kind, fields))}
    except (OSError, ValueError, AttributeError):
        return {}


def _cost(kind: str, fields: Any) -> Cost | None:
    try:
        cost = Cost(**fields)
    except TypeError:
        return None
    numbers = type(cost.count) is int and all(type(value) in (int, float) for value in (cost.seconds, cost.size))
    sound = numbers and cost.count >= 1 and 0 <= cost.seconds < math.inf and 0 <= cost.size < math.inf
    return cost if sound and DIGEST.fullmatch(kind) else None


def add_costs(store: Store, measured: Iterable[Spent]) -> None:
    """Add the measurements of a run to the file of `store`.

    Does nothing if the store is not writable, or if another process holds the lock of the tally, which also protects
    this file. Any error is only logged.
    """
    measured = list(measured)
    if not measured or not store.writable or store.folder is None:
        return
    try:
        create(store.folder)
        with file_lock((store.folder / TALLY).with_suffix(LOCK)).acquire(timeout=BUSY_AFTER, poll_interval=0.01):
            costs = _merged(read_costs(store.folder), measured)
            content = json.dumps({kind: asdict(cost) for kind, cost in costs.items()}).encode()
            write_atomically(store.folder / COSTS, content, durable=False)
    except Timeout:
        pass
    except Exception as error:
        log.warning("The costs of this run are not stored (%s: %s).", type(error).__name__, error)


def _merged(costs: Mapping[str, Cost], measured: Iterable[Spent]) -> dict[str, Cost]:
    """Return `costs` with the measurements of a run, the kinds measured last at the end.

    All measurements of a kind count with their median time, because the first ones of a process take much longer.
    """
    merged, kinds = dict(costs), dict[str, list[Spent]]()
    for each in measured:
        kinds.setdefault(each.kind, []).append(each)
    for kind, found in kinds.items():
        cost, seconds = merged.pop(kind, Cost(0, 0.0, 0.0)), median_low(each.seconds for each in found)
        for each in found:
            cost = cost.and_(seconds, each.size)
        merged[kind] = cost
    return dict(list(merged.items())[-MAX_KINDS:])
