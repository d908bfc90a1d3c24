import struct
from pathlib import Path

from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.figure import figure
from prunesweep.report.gather import gather
from prunesweep.report.values import compute


def size(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_a_column_wide_at_300_dots_an_inch(sweep: Sweep) -> None:
    assert size(figure(compute(gather([sweep()])))) == (1020, 780)


def test_a_panel_for_each_data_set_and_groups_by_name(tmp_path: Path) -> None:
    for number, (dataset, criterion) in enumerate([("mnist", "l1"), ("mnist", "random"), ("mnist5k", "l1")]):
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, dataset=dataset), prune__criterion=criterion)
    assert size(figure(compute(gather([tmp_path])))) == (2040, 780)


def test_the_extremes_can_be_drawn(tmp_path: Path) -> None:
    perfect = {"val_accuracy": 1.0, "test_accuracy": 1.0}
    fake_run(tmp_path / "0", fake_fields(1.0, 0, final=perfect, dense=perfect))
    assert size(figure(compute(gather([tmp_path]))))
    assert size(figure(compute(gather([tmp_path / "nothing"]))))
