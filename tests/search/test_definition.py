from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from prunesweep.config import RunConfig
from prunesweep.data.settings import NamedDataset
from prunesweep.results.objectives import SearchSettings
from prunesweep.search.conditions import Condition
from prunesweep.search.definition import Definition, default_name, definition, differences, numerics, shared_settings
from prunesweep.search.dimensions import Choice, stepped
from prunesweep.search.space import Space
from prunesweep.store.settings import StoreSettings
from prunesweep.tracking.loggers import NoLogger
from prunesweep.training.settings import SGD, Adam

Settings = Callable[..., RunConfig]
AMOUNT = stepped("prune.amount", Decimal("0.1"), Decimal("0.5"), Decimal("0.1"))
SPACE = Space((AMOUNT,))


def defined(*runs: RunConfig, space: Space = SPACE) -> Definition:
    return definition(shared_settings(runs), space.texts)


def test_the_definition_contains_the_space_the_objectives_and_the_other_settings(settings: Settings) -> None:
    found = defined(settings(seed=3))
    assert found["space"] == {"prune.amount": "range(0.1,0.5,step=0.1)"}
    assert found["search"] == {
        "measure": "[]",
        "search.objectives": "['val_accuracy', 'param_reduction']",
        "search.replicates": "1",
    }
    assert found["settings"]["seed"] == "3"
    assert found["settings"]["prune.criterion"] == "l1"
    assert "prune.amount" not in found["settings"]


@pytest.mark.parametrize(
    "changes",
    [
        {"logger": NoLogger(name="another")},
        {"store": StoreSettings(dir="elsewhere", max_gb=1)},
        {"study": "mine"},
        {"threads": 2, "device": "cuda:1"},
        {"dataset": NamedDataset(root="elsewhere", validation=3_500)},
        {"search": SearchSettings(heartbeat=5, storage="sqlite:///elsewhere")},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_settings_without_an_effect_on_the_results_change_neither_definition_nor_name(
    changes: dict[str, Any], settings: Settings
) -> None:
    before, now = defined(settings()), defined(settings(**changes))
    assert now == before
    assert default_name("tradeoff", now, {}) == default_name("tradeoff", before, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"optimizer": SGD(lr=0.5)},
        {"dataset": NamedDataset(name="mnist", validation=3_500)},
        {"search": SearchSettings(objectives=["val_loss"])},
        {"search": SearchSettings(replicates=2)},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_settings_with_an_effect_change_the_definition_and_the_name(
    changes: dict[str, Any], settings: Settings
) -> None:
    before, now = defined(settings()), defined(settings(**changes))
    assert differences(before, now)
    assert default_name("tradeoff", now, {}) != default_name("tradeoff", before, {})


def test_conditions_are_part_of_the_definition(settings: Settings) -> None:
    dimensions = (Choice("schedule", ("one_shot", "lottery")), stepped("finetune.epochs", 1, 5, 1))
    always = defined(settings(), space=Space(dimensions))
    conditional = Space.of(dimensions, {"finetune.epochs": Condition("schedule", ("one_shot",))})
    assert differences(always, defined(settings(), space=conditional)) == [
        "finetune.epochs: range(1,5,step=1) -> range(1,5,step=1) if schedule=one_shot"
    ]


def test_a_setting_that_depends_on_a_searched_key_has_all_its_values(settings: Settings) -> None:
    runs = [settings(optimizer=SGD(lr=0.1)), settings(optimizer=Adam(lr=0.01)), settings(optimizer=SGD(lr=0.1))]
    found = defined(*runs, space=Space((Choice("optimizer", ("sgd", "adam")),)))
    assert found["settings"]["optimizer.lr"] == "0.1 | 0.01"
    assert found["settings"]["optimizer.momentum"] == "0.9"


def test_a_key_that_is_searched_now_and_was_fixed_is_one_difference(settings: Settings) -> None:
    seeds = Space((AMOUNT, Choice("seed", (0, 1))))
    assert differences(defined(settings()), defined(settings(), space=seeds)) == ["seed: 0 -> choice(0,1)"]


def test_numerics_are_recorded_apart(settings: Settings) -> None:
    shared = shared_settings([settings(threads=1), settings(threads=2)])
    assert numerics(shared) == {"device": "cpu", "threads": "1 | 2", "portable": "False"}


def test_a_study_that_recorded_the_logger_can_be_continued(settings: Settings) -> None:
    now = defined(settings())
    before = {**now, "settings": {**now["settings"], "logger.name": "none", "seed": "5"}}
    assert differences(before, now) == ["seed: 5 -> 0"]


def test_the_name_depends_on_the_sampler_and_the_space(settings: Settings) -> None:
    found = defined(settings())
    other = defined(settings(), space=Space((replace(AMOUNT, high=Decimal("0.9")),)))
    assert default_name("tradeoff", found, {"seed": 1}).startswith("tradeoff-")
    names = {default_name("tradeoff", each, {"seed": seed}) for each in (found, other) for seed in (1, 2)}
    assert len(names) == 4
