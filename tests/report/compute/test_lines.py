from pathlib import Path

import pytest
from fakes import fake_fields, fake_round, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import experiments
from prunesweep.report.compute.lines import Line, lines, stages


def grid(folder: Path) -> None:
    """Write runs of two criteria at three amounts, in descending order."""
    for number, (criterion, amount) in enumerate((c, a) for c in ("l1", "random") for a in (0.9, 0.5, 0.2)):
        fake_run(folder / str(number), fake_fields(amount, 0, digest=f"{number}"), prune__criterion=criterion)


def test_a_grid_has_a_line_for_each_criterion_in_the_order_of_amounts(tmp_path: Path) -> None:
    grid(tmp_path)
    runs = gather([tmp_path]).completed
    found = lines(["prune.criterion", "prune.amount"], range(6), runs, experiments(runs))
    assert found == [
        Line({"prune.criterion": "l1"}, [2, 1, 0]),
        Line({"prune.criterion": "random"}, [5, 4, 3]),
    ]


def test_settings_that_differ_in_everything_have_no_lines(tmp_path: Path) -> None:
    for number in range(4):
        fake_run(tmp_path / str(number), fake_fields(0.1 * number, 0), prune__criterion=f"c{number}")
    runs = gather([tmp_path]).completed
    assert lines(["prune.criterion", "prune.amount"], range(4), runs, experiments(runs)) == []
    assert lines(["prune.criterion"], range(4), runs, experiments(runs)) == []


def test_stages_are_means_over_the_runs_of_a_setting(tmp_path: Path) -> None:
    for seed in (0, 1):
        fields = fake_fields(0.9, seed, rounds=[fake_round(1, 0.5, seed)])
        fake_run(tmp_path / str(seed), fields)
    runs = gather([tmp_path]).completed
    (stage,) = stages(experiments(runs)[0], runs)
    # Accuracy of amount 0.5: 0.98 - 0.002 seed - 0.5^8 / 2, rounded, minus 0.001 for the test split.
    assert (stage.round, stage.costs["params_nonzero"]) == (1, 30_853)
    assert stage.val.mean == pytest.approx((0.978 + 0.976) / 2)
    assert stage.test.mean == pytest.approx((0.977 + 0.975) / 2)
    assert stage.costs["file_bytes"] is None
