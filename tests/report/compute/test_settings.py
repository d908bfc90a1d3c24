from pathlib import Path
from typing import Any

import pytest
from fakes import fake_fields

from prunesweep.report.compute.settings import defines_experiment, experiment_key, swept, varied
from prunesweep.results.run_directory import RunDirectory


def run(settings: dict[str, Any], **changes: Any) -> RunDirectory:
    directory = RunDirectory(Path("run"), "run", fake_fields(0.5, 0, **changes))
    directory.__dict__["settings"] = settings  # in place of the file
    return directory


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        *((key, False) for key in ("seed", "device", "threads", "store.dir", "search.replicates", "study")),
        *((key, False) for key in ("dataset.root", "logger.name", "hydra.sweep.dir")),
        *((key, True) for key in ("dataset.name", "seeds", "prune.amount", "model.width", "finetune.epochs")),
    ],
)
def test_the_role_of_a_setting_decides_whether_it_defines_an_experiment(key: str, expected: bool) -> None:
    assert defines_experiment(key) is expected


def test_repetitions_have_the_same_key() -> None:
    first = run({"seed": 0, "threads": 1, "prune.amount": 0.5})
    assert experiment_key(first) == experiment_key(run({"seed": 1, "threads": 2, "prune.amount": 0.5}))
    assert experiment_key(first) != experiment_key(run({"seed": 0, "threads": 1, "prune.amount": 0.6}))


def test_networks_with_different_names_never_have_the_same_key() -> None:
    assert experiment_key(run({}, model="a")) != experiment_key(run({}, model="b"))


def test_a_setting_that_follows_from_a_name_is_not_varied() -> None:
    runs = [
        run({"model.name": "a", "model.width": 1, "prune.amount": 0.1, "prune.criterion": "l1", "seed": 0, "same": 1}),
        run({"model.name": "b", "model.width": 2, "prune.amount": 0.2, "prune.criterion": "l1", "seed": 1, "same": 1}),
        run({"model.name": "b", "model.width": 2, "prune.amount": 0.3, "prune.criterion": "l2", "seed": 2, "same": 1}),
    ]
    assert varied(runs) == ["model.name", "prune.amount", "prune.criterion"]


def test_a_setting_that_only_some_runs_have_is_varied_if_these_differ() -> None:
    runs = [
        run({"schedule.name": "one_shot"}),
        run({"schedule.name": "iterative", "schedule.rounds": 3, "schedule.rate": 1}),
        run({"schedule.name": "iterative", "schedule.rounds": 5, "schedule.rate": 1}),
    ]
    assert varied(runs) == ["schedule.name", "schedule.rounds"]


def test_nothing_follows_from_a_number() -> None:
    runs = [
        run({"prune.amount": 0.1, "prune.scope": "global"}),
        run({"prune.amount": 0.2, "prune.scope": "layerwise"}),
    ]
    assert varied(runs) == ["prune.amount", "prune.scope"]
    assert varied([]) == []


def test_options_of_groups_are_named_as_typed() -> None:
    kinds = {"all": "[conv, fc]", "fc": "[fc]"}
    runs = [run({"layers": name, "prune.amount": 0.5, "layers.kinds": kinds[name]}) for name in kinds]
    assert varied(runs) == ["layers"]


def test_two_options_with_the_same_values_are_told_apart() -> None:
    names = ("random", "random_layerwise")
    runs = [run({"prune": name, "prune.criterion": "random", "prune.scope": name}) for name in names]
    assert varied(runs) == ["prune"]


def test_a_typed_setting_is_kept_even_if_it_follows_from_an_option() -> None:
    runs = [
        run({"model": model, "model.width": width}, overrides=[f"model={model}", f"model.width={width}"])
        for model, width in (("a", 1), ("b", 2))
    ]
    assert varied(runs) == ["model", "model.width"]


def test_an_option_that_is_not_known_for_all_runs_is_replaced_by_its_values() -> None:
    runs = [run({"layers": "all", "layers.kinds": "[conv, fc]"}), run({"layers.kinds": "[fc]"})]
    assert varied(runs) == ["layers.kinds"]


def test_swept_settings_include_the_seed_and_leave_out_what_cannot_change_a_result() -> None:
    runs = [
        run({"prune": "l1", "seed": seed, "store.dir": f"{seed}"}, overrides=[f"seed={seed}", f"store.dir={seed}"])
        for seed in (0, 1)
    ]
    assert swept(runs) == {"seed": [0, 1]}
