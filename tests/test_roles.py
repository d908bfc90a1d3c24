from dataclasses import dataclass, field, fields

import pytest

from prunesweep.config import RunConfig
from prunesweep.roles import Role, role_of


@dataclass
class Inner:
    plain: int = 0
    folder: str = field(default="", metadata=Role.NOTHING.tag)


@dataclass
class Outer:
    inner: Inner
    seed: int = field(default=0, metadata=Role.REPETITION.tag)
    tracking: Inner = field(default_factory=Inner, metadata=Role.NUMERICS.tag)


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("seed", Role.REPETITION),
        ("inner", Role.EXPERIMENT),
        ("inner.plain", Role.EXPERIMENT),
        ("inner.folder", Role.NOTHING),
        ("inner.plain.below", Role.EXPERIMENT),
        ("tracking.plain", Role.NUMERICS),
        ("seeds", Role.EXPERIMENT),
        ("unknown.key", Role.EXPERIMENT),
        ("hydra.run.dir", Role.NOTHING),
    ],
)
def test_the_role_of_a_field_holds_below_it(key: str, role: Role) -> None:
    assert role_of(Outer, key) is role


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("seed", Role.REPETITION),
        ("device", Role.NUMERICS),
        ("threads", Role.NUMERICS),
        ("search.objectives", Role.SEARCH),
        ("search.storage", Role.NOTHING),
        ("study", Role.NOTHING),
        ("store.max_gb", Role.NOTHING),
        ("logger.tracking_uri", Role.NOTHING),
        ("dataset.root", Role.NOTHING),
        ("dataset.name", Role.EXPERIMENT),
        ("model.target", Role.EXPERIMENT),
        ("optimizer.lr", Role.EXPERIMENT),
    ],
)
def test_roles_of_the_configuration(key: str, role: Role) -> None:
    assert role_of(RunConfig, key) is role


def test_every_section_has_a_role_and_training_always_belongs_to_the_experiment() -> None:
    roles = {each.name: role_of(RunConfig, each.name) for each in fields(RunConfig)}
    for section in ("model", "dataset", "layers", "prune", "schedule", "optimizer", "train", "finetune"):
        assert roles[section] is Role.EXPERIMENT, section
