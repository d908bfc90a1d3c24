from typing import Any

import pytest
import yaml
from support import ROOT

from prunesweep.chain.schedules.plan import PLANNERS
from prunesweep.chain.schedules.settings import (
    GSM,
    SCHEDULES,
    Gradual,
    Iterative,
    Lottery,
    Penalty,
    RigL,
    Schedule,
    SparseEvolution,
    Surgery,
)
from prunesweep.errors import UsageError


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Iterative, {"rounds": 0}, "schedule.rounds=0: must be at least 1"),
        (Iterative, {"curve": "geometrc"}, "schedule.curve=geometrc: .* Did you mean 'geometric'"),
        (Iterative, {"rewind_lr": -1}, "schedule.rewind_lr=-1: must be at least 0"),
        (Gradual, {"epochs": 0}, "schedule.epochs=0: must be at least 1"),
        (Gradual, {"every": 0}, "schedule.every=0"),
        (Gradual, {"curve": "cubik"}, "schedule.curve=cubik: .* Did you mean 'cubic'"),
        (Gradual, {"lr_scale": 0}, "schedule.lr_scale=0"),
        (RigL, {"epochs": 0}, "schedule.epochs=0: must be at least 1"),
        (RigL, {"fraction": 30}, "schedule.fraction=30: .* For 30 %, write schedule.fraction=0.3"),
        (RigL, {"batches": 0}, "schedule.batches=0"),
        (SparseEvolution, {"fraction": -1}, "schedule.fraction=-1"),
        (SparseEvolution, {"every": 0}, "schedule.every=0"),
        (Surgery, {"gamma": -1}, "schedule.gamma=-1"),
        (Surgery, {"rise": 2}, "schedule.rise=2"),
        (Surgery, {"lr_scale": 0}, "schedule.lr_scale=0"),
        (Penalty, {"epochs": 0}, "schedule.epochs=0"),
        (Penalty, {"strength": 0}, "schedule.strength=0: must be above 0"),
        (Penalty, {"growth": 0.5}, "schedule.growth=0.5: must be at least 1"),
        (Penalty, {"tolerance": 2}, "schedule.tolerance=2: must be at least 0 and at most 1"),
        (Penalty, {"lr_scale": 0}, "schedule.lr_scale=0"),
        (GSM, {"epochs": 0}, "schedule.epochs=0"),
        (GSM, {"momentum": 1.5}, "schedule.momentum=1.5"),
        (GSM, {"weight_decay": 0}, "schedule.weight_decay=0: must be above 0"),
        (GSM, {"lr_scale": 0}, "schedule.lr_scale=0"),
        (Lottery, {"rounds": 0}, "schedule.rounds=0: must be at least 1"),
        (Lottery, {"rewind_to": -1}, "schedule.rewind_to=-1: must be at least 0"),
        (Lottery, {"rewind_steps": -1}, "schedule.rewind_steps=-1: must be at least 0"),
        (Lottery, {"rewind_to": 1, "rewind_steps": 2}, "schedule.rewind_to=1 schedule.rewind_steps=2: both set where"),
        (Lottery, {"control": "rinit"}, "schedule.control=rinit: .* Did you mean 'reinit'"),
    ],
)
def test_invalid_settings_are_refused(kind: type[Schedule], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kind(**settings)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_has_a_function_and_an_option(schedule: type[Schedule]) -> None:
    name = schedule().name  # type: ignore[call-arg]
    option = yaml.safe_load((ROOT / "conf" / "schedule" / f"{name}.yaml").read_text())
    assert f"/{schedule.__name__}@_here_" in option["defaults"]
    assert schedule in PLANNERS
