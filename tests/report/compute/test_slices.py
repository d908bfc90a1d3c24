from pathlib import Path

import pytest
from fakes import fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.slices import Mattered
from prunesweep.report.compute.values import compute


def of(folder: Path, criteria: tuple[str, ...], amounts: tuple[float, ...]) -> Mattered | None:
    for number, (criterion, amount) in enumerate((c, a) for c in criteria for a in amounts):
        fake_run(folder / str(number), fake_fields(amount, 0, digest=str(number)), prune__criterion=criterion)
    (task,) = compute(gather([folder])).tasks
    return task.mattered


def test_slices_have_means_for_each_value(tmp_path: Path) -> None:
    found = of(tmp_path, ("l1", "random"), (0.5, 0.9))
    assert found is not None
    criterion, amount = found.slices
    assert (criterion.key, criterion.scale.kind, amount.key) == ("prune", "category", "prune.amount")
    assert [(level.value, level.count) for level in criterion.levels] == [("l1", 2), ("random", 2)]
    assert [level.size for level in amount.levels] == pytest.approx([30_853, 6_171])
    assert criterion.levels[0].size == pytest.approx((30_853 * 6_171) ** 0.5)
    assert amount.levels[0].val == pytest.approx(0.98 - 0.5**8 / 2, abs=1e-4)
    assert (found.size.low, found.size.high) == (6_171, 30_853)
    assert found.importance is None, "four runs say nothing about noise"


def test_values_of_single_settings_have_no_means(tmp_path: Path) -> None:
    for number in range(4):
        fields = fake_fields(0.5 + number / 10, 0, digest=str(number))
        fake_run(tmp_path / str(number), fields, prune__criterion=("l1", "random")[number % 2])
    (task,) = compute(gather([tmp_path])).tasks
    assert task.mattered is not None
    assert [len(each.levels) for each in task.mattered.slices] == [2, 0]


@pytest.mark.parametrize(("criteria", "amounts"), [(("l1",), (0.5, 0.6, 0.7, 0.8, 0.9)), (("l1", "l2"), (0.5,))])
def test_nothing_mattered_if_fewer_than_two_settings_vary(
    criteria: tuple[str, ...], amounts: tuple[float, ...], tmp_path: Path
) -> None:
    assert of(tmp_path, criteria, amounts) is None
