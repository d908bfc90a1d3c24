from pathlib import Path
from typing import Any

import pytest
from fakes import fake_fields, fake_methods, fake_run

from prunesweep.errors import UsageError
from prunesweep.report.compute.gather import Runs, gather
from prunesweep.report.compute.methods import Methods, comparable_keys, methods

TWO = {"l1": {0.5: [0.9, 0.8], 0.9: [0.7]}, "snip": {0.5: [0.6, 0.5]}}


def found(runs: Runs, key: str) -> Methods:
    return methods(runs, key, lambda run: float(run.result["final"]["test_accuracy"]))


def write(folder: Path, *runs: tuple[list[str], dict[str, Any]]) -> Runs:
    """Write runs with the given overrides and saved settings, and read them."""
    for number, (overrides, config) in enumerate(runs):
        fake_run(folder / str(number), fake_fields(0.5, 0, *overrides, digest=f"{number}"), **config)
    return gather([folder])


@pytest.mark.parametrize("key", ["prune", "prune.criterion"])
def test_conditions_contain_the_accuracies_of_each_method_by_seed(key: str, tmp_path: Path) -> None:
    one = found(gather([fake_methods(tmp_path / "s", TWO)]), key)
    assert one.names == ["l1", "snip"]
    assert [(each.amount, each.scores) for each in one.conditions] == [
        (0.5, {"l1": {0: 0.9, 1: 0.8}, "snip": {0: 0.6, 1: 0.5}}),
        (0.9, {"l1": {0: 0.7}}),
    ]
    assert one.belonging == []


def test_the_users_own_code_is_named_by_its_import_path(tmp_path: Path) -> None:
    own = {"prune__criterion": "custom", "prune__target": "mine.score"}
    runs = write(tmp_path, (["prune=custom"], own), (["prune=l1"], {}))
    assert found(runs, "prune").names == found(runs, "prune.criterion").names == ["mine.score", "l1"]


def test_an_option_is_named_as_typed_and_its_settings_belong_to_it(tmp_path: Path) -> None:
    runs = write(
        tmp_path,
        (["prune=random"], {"prune__criterion": "random", "prune__scope": "global"}),
        (["prune=random_layerwise"], {"prune__criterion": "random", "prune__scope": "magnitude"}),
    )
    one = found(runs, "prune")
    assert one.names == ["random", "random_layerwise"]
    assert one.belonging == ["prune.scope"]
    with pytest.raises(UsageError, match="has the single value random"):
        found(runs, "prune.criterion")


def test_variants_of_one_method_are_not_mixed(tmp_path: Path) -> None:
    runs = write(
        tmp_path,
        (["prune=l1"], {"prune__scope": "global"}),
        (["prune=random"], {"prune__criterion": "random", "prune__scope": "global"}),
        (["prune=random_layerwise"], {"prune__criterion": "random", "prune__scope": "magnitude"}),
    )
    message = "the runs of random have different values of prune.scope: global, magnitude. Use --by prune"
    with pytest.raises(UsageError, match=message):
        found(runs, "prune.criterion")


def test_a_setting_that_was_swept_is_a_condition(tmp_path: Path) -> None:
    runs = write(
        tmp_path,
        *(
            ([f"prune={criterion}", f"prune.scope={scope}"], {"prune__criterion": criterion, "prune__scope": scope})
            for criterion in ("l1", "snip")
            for scope in ("global", "layerwise")
        ),
    )
    one = found(runs, "prune")
    assert [dict(each.context) for each in one.conditions] == [{"prune.scope": "global"}, {"prune.scope": "layerwise"}]
    assert one.belonging == []
    other = found(runs, "prune.scope")
    assert other.names == ["global", "layerwise"]
    assert [dict(each.context) for each in other.conditions] == [
        {"prune.criterion": "l1"},
        {"prune.criterion": "snip"},
    ]


def test_a_group_without_a_name_is_described_by_its_settings(tmp_path: Path) -> None:
    runs = write(tmp_path, ([], {}), ([], {"layers__kinds": ["conv"]}))
    assert found(runs, "layers").names == ["layers.kinds=[conv, fc]", "layers.kinds=[conv]"]


def test_sweeps_are_compared_with_the_settings_that_distinguish_them(tmp_path: Path) -> None:
    sweeps = [
        fake_methods(tmp_path / name, TWO, layers__kinds=kinds) for name, kinds in (("a", ["fc"]), ("ab", ["conv"]))
    ]
    one = found(gather(sweeps), "sweep")
    assert [Path(name).name for name in one.names] == ["a", "ab"]
    assert one.belonging == ["layers.kinds"]
    assert [dict(each.context)["prune.criterion"] for each in one.conditions] == ["l1", "l1", "snip"]


def test_a_duplicate_counts_once_and_a_repetition_is_averaged(tmp_path: Path) -> None:
    for number, (digest, accuracy) in enumerate((("x", 0.9), ("x", 0.9), ("y", 0.7), ("z", 0.5))):
        final = {"val_accuracy": 0.5, "test_accuracy": accuracy}
        criterion = "snip" if digest == "z" else "l1"
        fields = fake_fields(0.5, 0, digest=digest, final=final)
        fake_run(tmp_path / str(number), fields, prune__criterion=criterion)
    (condition,) = found(gather([tmp_path]), "prune").conditions
    assert condition.scores["l1"][0] == pytest.approx(0.8)


def test_an_unknown_key_and_a_single_value_are_reported(tmp_path: Path) -> None:
    runs = gather([fake_methods(tmp_path / "s", TWO)])
    with pytest.raises(UsageError, match=r"--by=prune.criterin: is not a setting .* Did you mean 'prune.criterion'"):
        found(runs, "prune.criterin")
    with pytest.raises(UsageError, match=r"--by=layers.kinds: has the single value \[conv, fc\]. A comparison needs"):
        found(runs, "layers.kinds")
    with pytest.raises(UsageError, match=r"--by=sweep: is not a setting"):
        found(runs, "sweep")


def test_keys_that_distinguish_runs(tmp_path: Path) -> None:
    one = fake_methods(tmp_path / "one", TWO)
    assert comparable_keys(gather([one])) == ["prune", "prune.amount", "prune.criterion"]
    other = fake_methods(tmp_path / "two", TWO)
    assert comparable_keys(gather([one, other]))[-1] == "sweep"
