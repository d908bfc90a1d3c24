import struct
from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.figure import accuracy_ticks, figure


def size(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_the_picture_is_one_column_wide_at_300_dots_per_inch(sweep: Sweep) -> None:
    assert size(figure(compute(gather([sweep()])))) == (1020, 780)


def test_a_panel_per_data_set(tmp_path: Path) -> None:
    for number, (dataset, criterion) in enumerate([("mnist", "l1"), ("mnist", "random"), ("mnist5k", "l1")]):
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, dataset=dataset), prune__criterion=criterion)
    assert size(figure(compute(gather([tmp_path])))) == (2040, 780)


def test_extreme_values_and_empty_reports_can_be_drawn(tmp_path: Path) -> None:
    perfect = {"val_accuracy": 1.0, "test_accuracy": 1.0}
    fake_run(tmp_path / "0", fake_fields(1.0, 0, final=perfect, dense=perfect))
    assert size(figure(compute(gather([tmp_path]))))
    assert size(figure(compute(gather([tmp_path / "nothing"]))))


def test_close_accuracies_have_ticks_between_them() -> None:
    assert accuracy_ticks(0.8, 9.0) == [99, 98, 97, 95]
    assert accuracy_ticks(3.09, 3.41) == pytest.approx([96.6, 96.7, 96.8, 96.9])
    assert len(accuracy_ticks(3.0991, 3.1009)) > 1
