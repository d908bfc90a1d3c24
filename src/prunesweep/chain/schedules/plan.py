"""The registry of schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prunesweep.chain.schedules.gradual import gradual
from prunesweep.chain.schedules.gsm import gsm
from prunesweep.chain.schedules.iterative import iterative
from prunesweep.chain.schedules.lottery import lottery
from prunesweep.chain.schedules.one_shot import one_shot
from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.penalty import penalty
from prunesweep.chain.schedules.regrowth import rigl, sparse_evolution, surgery
from prunesweep.chain.schedules.settings import (
    GSM,
    Gradual,
    Iterative,
    Lottery,
    OneShot,
    Penalty,
    RigL,
    Schedule,
    SparseEvolution,
    Surgery,
)

PLANNERS: dict[type[Schedule], Callable[[Any, Parts], Plan]] = {
    OneShot: one_shot,
    Iterative: iterative,
    Gradual: gradual,
    Lottery: lottery,
    RigL: rigl,
    SparseEvolution: sparse_evolution,
    Surgery: surgery,
    Penalty: penalty,
    GSM: gsm,
}
"""Settings -> the function (settings, parts) that writes the chain."""


def plan(schedule: Schedule, parts: Parts) -> Plan:
    """Return the chain that `schedule` makes of `parts`.

    Raises:
        UsageError: The schedule does not fit the other settings.
    """
    return PLANNERS[type(schedule)](schedule, parts)
