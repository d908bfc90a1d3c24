from pathlib import Path

import pytest
from fakes import fake_fields, fake_run

from prunesweep.report.compute.chart import chart
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute


def test_each_data_set_has_its_own_colors_lines_and_bands(tmp_path: Path) -> None:
    cells = [(dataset, c, a) for dataset, c in (("mnist", "l1"), ("mnist", "snip"), ("own", "l1")) for a in (0.5, 0.9)]
    for number, (dataset, criterion, amount) in enumerate(cells):
        fields = fake_fields(amount, 0, digest=str(number), dataset=dataset)
        fake_run(tmp_path / str(number), fields, prune__criterion=criterion)
    values = compute(gather([tmp_path]))
    one, other = (chart(task, values.runs.completed, values.experiments) for task in values.tasks)
    assert (one.experiments, one.key, other.experiments, other.key) == ([0, 1, 2, 3], "prune", [4, 5], "")
    assert [group.experiments for group in one.colors["prune"].groups] == [[0, 1], [2, 3]]
    assert [line.experiments for line in one.lines] == [[1, 0], [3, 2]] or one.lines[0].experiments == [0, 1]
    assert [(each.short, each.full) for each in one.names] == [("l1", "prune=l1"), ("snip", "prune=snip")]
    assert [each.full for each in other.names] == [""]
    (band,) = one.bands
    assert band is not None
    assert (band.low + band.high) / 2 == pytest.approx(0.979)
    assert other.bands == [None]  # the number of test images is unknown


def test_a_number_that_does_not_change_along_a_line_colors_the_chart(tmp_path: Path) -> None:
    for number, (amount, epochs) in enumerate((a, e) for a in (0.5, 0.9) for e in (1, 2)):
        fake_run(tmp_path / str(number), fake_fields(amount, 0, digest=str(number)), prune__iterations=epochs)
    values = compute(gather([tmp_path]))
    assert chart(values.tasks[0], values.runs.completed, values.experiments).key == "prune.iterations"
