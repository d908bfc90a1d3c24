from typing import Any

import pytest

from prunesweep.errors import UsageError
from prunesweep.pruning.settings import Layers, Pruning


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"amount": 1.5}, "prune.amount=1.5: must be at least 0 and at most 1"),
        ({"amount": float("nan")}, "prune.amount=nan"),
        ({"scope": "globl"}, "prune.scope=globl: .* Did you mean 'global'"),
        ({"structure": "chanel"}, "prune.structure=chanel: .* Did you mean 'channel'"),
        ({"criterion": "l3"}, "prune.criterion=l3: must be one of l1, l2"),
        ({"criterion": "custom"}, "prune.target=None: prune=custom needs the import path of a criterion"),
        ({"target": "my.score"}, "prune.target=my.score: .* other criteria do not accept one"),
        ({"amount": 0.5, "compression": 2.0}, "prune.amount=0.5 prune.compression=2: both set the target"),
        ({"compression": 0.5}, "prune.compression=0.5: must be at least 1"),
        ({"per_layer": {"fc1": 1.2}}, "prune.per_layer.fc1=1.2: must be at least 0 and at most 1"),
        ({"floor": -1.0}, "prune.floor=-1"),
        ({"n": 3, "m": 2}, "prune.m=2: must be at least 3"),
        ({"n": 0}, "prune.n=0: must be at least 1"),
        ({"structure": "channel", "compression": 2.0}, "prune.compression=2: the parameters of a channel depend on"),
        ({"iterations": 0}, "prune.iterations=0: must be at least 1"),
        ({"at": "start"}, "prune.at=start: must be one of trained, init"),
        (
            {"at": "init", "criterion": "movement"},
            "prune.at=init: prune.criterion=movement compares .* prune.at=trained",
        ),
        ({"at": "init", "criterion": "magnitude_increase"}, "prune.at=init: prune.criterion=magnitude_increase"),
        ({"offsets": {"fc1": 1.0}}, "prune.offsets.fc1=1: .* the scope is global. Set prune.scope=layerwise"),
        ({"offsets": {"fc1": 99.0}}, "prune.offsets.fc1=99.0: must be at least -20 and at most 20"),
        ({"offsets": {"fc1": "x"}}, "prune.offsets.fc1=x: must be a number from -20 to 20"),
        (
            {"offsets": {"fc1": 1.0}, "per_layer": {"fc1": 0.5}, "scope": "layerwise"},
            "prune.offsets.fc1=1 prune.per_layer.fc1=0.5: both set what the layer keeps",
        ),
        ({"scope": "output", "structure": "channel"}, "prune.scope=output: .* prune.structure=channel prunes larger"),
        ({"batches": 0}, "prune.batches=0: must be at least 1"),
        ({"batch_size": 0}, "prune.batch_size=0: must be at least 1"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Pruning(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("iterations", 2),
        ("scope", "layerwise"),
        ("floor", 1.0),
        ("amount", 0.7),
        ("compression", 2.0),
        ("per_layer", {"fc1": 0.5}),
        ("offsets", {"fc1": 0.5}),
    ],
)
def test_n_of_m_refuses_settings_that_it_does_not_use(key: str, value: object) -> None:
    message = rf"prune.{key}={value}: prune.structure=n_of_m .* Its amount, 0.5, follows from prune.n=2 and prune.m=4"
    with pytest.raises(UsageError, match=message):
        Pruning(structure="n_of_m", **{key: value})  # type: ignore[arg-type]


def test_n_of_m_accepts_its_own_amount() -> None:
    assert Pruning(structure="n_of_m", amount=0.5).amount == 0.5
    assert Pruning(structure="n_of_m", n=1, amount=0.75).amount == 0.75


def test_an_unknown_kind_of_layer_is_refused() -> None:
    with pytest.raises(UsageError, match="layers.kinds=conf: must be one of conv, fc"):
        Layers(kinds=["conf"])


def test_dots_in_the_names_of_layers_may_be_nested_mappings() -> None:
    nested = Pruning(per_layer={"features": {0: 0.9, "3": {"conv": 1}}, "head": 0.5, "body.1": 0.2})
    assert nested.per_layer == {"features.0": 0.9, "features.3.conv": 1.0, "head": 0.5, "body.1": 0.2}


@pytest.mark.parametrize("value", ["x", True, None, [0.5], 1.5])
def test_a_fraction_of_a_layer_is_a_number_from_0_to_1(value: object) -> None:
    with pytest.raises(UsageError, match=r"^prune.per_layer.features.0=.*: must be .*1"):
        Pruning(per_layer={"features": {"0": value}})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"per_layer": {"fc1": 0.5}}, True), ({"amount": 0.2}, False), ({"compression": 2.0}, False),
     ({"criterion": "none"}, False), ({"structure": "n_of_m"}, False)],
)  # fmt: skip
def test_whether_the_default_amount_is_pruned(changes: dict[str, Any], expected: bool) -> None:
    assert Pruning(**changes).has_default_amount == expected
