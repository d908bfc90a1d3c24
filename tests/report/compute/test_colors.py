from pathlib import Path

import pytest
from fakes import fake_fields, fake_run

from prunesweep.report.compute.colors import Group, coloring, default_key, text
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import experiments
from prunesweep.results.run_directory import Value


@pytest.mark.parametrize(
    ("value", "written"), [(True, "true"), (None, "null"), (1, "1"), (1.0, "1.0"), (1e-5, "1e-05"), ("l1", "l1")]
)
def test_values_are_written_as_in_yaml(value: Value, written: str) -> None:
    assert text(value) == written


def test_values_of_different_types_have_different_colors(tmp_path: Path) -> None:
    for number, value in enumerate([True, 1.0, "1", 2]):
        fake_run(tmp_path / str(number), fake_fields(0.1 * number, 0), prune__strength=value)
    runs = gather([tmp_path]).completed
    groups = coloring("prune.strength", range(4), runs, experiments(runs)).groups
    assert groups == [Group("1.0", [1]), Group("2", [3]), Group("1", [2]), Group("true", [0])]


def test_numbers_with_many_values_form_a_scale_and_texts_a_rest(tmp_path: Path) -> None:
    for number in range(10):
        fake_run(tmp_path / str(number), fake_fields(number / 10, 0), prune__criterion=f"c{number}")
    runs = gather([tmp_path]).completed
    groups = experiments(runs)
    assert coloring("prune.amount", range(10), runs, groups).scale == [number / 10 for number in range(10)]
    assert coloring("prune.criterion", range(10), runs, groups).groups[-1] == Group("others", [7, 8, 9])


def test_the_first_setting_without_numbers_is_the_default(tmp_path: Path) -> None:
    for number, criterion in enumerate(("l1", "random")):
        fake_run(tmp_path / str(number), fake_fields(0.5 + number / 10, 0), prune__criterion=criterion)
    runs = gather([tmp_path]).completed
    assert default_key(["prune.amount", "prune.criterion"], runs) == "prune.criterion"
    assert default_key(["prune.amount"], runs) == ""
