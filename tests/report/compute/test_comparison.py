from pathlib import Path

import pytest
from fakes import Scores, fake_methods

from prunesweep.errors import UsageError
from prunesweep.report.compute.comparison import Comparison, compare, compare_automatically
from prunesweep.report.compute.gather import gather

THREE: Scores = {
    "l1": {0.5: [0.92, 0.93, 0.91], 0.9: [0.82, 0.83, 0.81]},
    "lamp": {0.5: [0.92, 0.92, 0.92], 0.9: [0.81, 0.84, 0.81]},
    "random": {0.5: [0.42, 0.44, 0.41], 0.9: [0.12, 0.13, 0.12]},
}


def compared(folder: Path, scores: Scores, key: str = "prune", focus: str | None = None, **options: bool) -> Comparison:
    return compare(gather([fake_methods(folder / "sweep", scores)]), key, focus, **options)


def test_each_amount_and_the_area_are_compared_over_common_seeds(tmp_path: Path) -> None:
    found = compared(tmp_path, THREE)
    assert found.pairs == [("l1", "lamp"), ("l1", "random")]
    area, first, second = found.of_pair("l1", "random")
    assert [each.amount for each in (area, first, second)] == [None, 0.5, 0.9]
    assert first.difference.mean == pytest.approx((0.5 + 0.49 + 0.5) / 3)
    assert second.means == pytest.approx((0.82, 0.37 / 3))
    assert area.difference.mean == pytest.approx((first.difference.mean + second.difference.mean) / 2)
    assert [each.outcome for each in (area, first, second)] == ["win"] * 3
    assert [each.outcome for each in found.of_pair("l1", "lamp")] == ["tie"] * 3
    assert found.tested == 6
    p = first.difference.p
    assert p is not None
    assert first.p is not None
    assert p < first.p <= 6 * p
    assert first.needed == 2


def test_the_other_direction_is_a_loss(tmp_path: Path) -> None:
    found = compared(tmp_path, THREE, focus="random")
    assert found.methods == ["random", "l1", "lamp"]
    assert {each.outcome for each in found.contrasts} == {"loss"}


def test_all_pairs(tmp_path: Path) -> None:
    found = compared(tmp_path, THREE, all_pairs=True)
    assert found.pairs == [("l1", "lamp"), ("l1", "random"), ("lamp", "random")]
    assert found.tested == 9


def test_ranks_and_areas_of_the_methods(tmp_path: Path) -> None:
    found = compared(tmp_path, THREE)
    assert found.ranks == pytest.approx({"l1": 1.5, "lamp": 1.5, "random": 3})
    assert found.ranked == 2
    areas = {area.method: area for area in found.areas}
    assert areas["l1"].amounts == [0.5, 0.9]
    assert areas["l1"].mean.mean == pytest.approx(0.87)
    low, high = areas["l1"].mean.interval or (0, 0)
    assert high - 0.87 == pytest.approx(0.87 - low) == pytest.approx(4.30265 * 0.01 / 3**0.5, rel=1e-4)


def test_only_common_seeds_are_paired(tmp_path: Path) -> None:
    found = compared(tmp_path, {"l1": {0.5: [0.9, 0.8, 0.7], 0.9: [0.5]}, "snip": {0.5: [0.8, 0.6], 0.9: []}})
    (contrast,) = found.contrasts
    assert contrast.difference.pairs == 2
    assert contrast.difference.mean == pytest.approx(0.15)
    assert found.areas == []
    assert found.ranked == 1


def test_the_resolution_of_the_accuracy_limits_the_certainty(tmp_path: Path) -> None:
    runs = gather([fake_methods(tmp_path, {"l1": {0.5: [0.91, 0.92]}, "l2": {0.5: [0.90, 0.91]}})])
    exact = compare(runs, "prune").contrasts[0].difference
    for run in runs.completed:
        run.result["examples"] = {"validation": 10, "test": 100}
    rounded = compare(runs, "prune").contrasts[0].difference
    assert exact.p == pytest.approx(0, abs=1e-6)
    assert rounded.sd == pytest.approx(0.01 / 6**0.5)
    assert rounded.p == pytest.approx(0.1789, abs=1e-3)


def test_one_seed_allows_no_conclusion(tmp_path: Path) -> None:
    found = compared(tmp_path, {"l1": {0.5: [0.9], 0.9: [0.8]}, "snip": {0.5: [0.1], 0.9: [0.1]}})
    assert {each.outcome for each in found.contrasts} == {"one seed"}
    assert found.tested == 0


def test_the_validation_split(tmp_path: Path) -> None:
    runs = gather([fake_methods(tmp_path / "sweep", THREE)])
    assert compare(runs, "prune", split="validation").contrasts[1].means[0] == pytest.approx(0.91)
    with pytest.raises(UsageError, match="--split=tset: must be one of test, validation. Did you mean 'test'"):
        compare(runs, "prune", split="tset")


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--focus=lamb: must be one of l1, lamp, random. Did you mean 'lamp'"):
        compared(tmp_path / "1", THREE, focus="lamb")
    with pytest.raises(UsageError, match=r"nothing can be compared. Seeds of l1: 0; of snip: 0"):
        compared(tmp_path / "2", {"l1": {0.5: [0.9]}, "snip": {0.9: [0.8]}})


def test_a_report_compares_options_but_not_numbers(tmp_path: Path) -> None:
    found = compare_automatically(gather([fake_methods(tmp_path / "a", THREE)]))
    assert found is not None
    assert found.key == "prune"
    assert compare_automatically(gather([fake_methods(tmp_path / "b", {"l1": THREE["l1"]})])) is None
    assert compare_automatically(gather([fake_methods(tmp_path / "c", {"l1": {0.5: [1]}, "l2": {0.5: [1]}})])) is None
