import re
import struct
from pathlib import Path

from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.figure import figure


def size(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_the_picture_is_one_column_wide_at_300_dots_per_inch(sweep: Sweep) -> None:
    assert size(figure(compute(gather([sweep()])))["png"]) == (1020, 870)


def test_a_panel_per_data_set(tmp_path: Path) -> None:
    for number, (dataset, criterion) in enumerate([("mnist", "l1"), ("mnist", "random"), ("mnist5k", "l1")]):
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, dataset=dataset), prune__criterion=criterion)
    assert size(figure(compute(gather([tmp_path])))["png"]) == (2040, 870)


def test_extreme_values_and_empty_reports_can_be_drawn(tmp_path: Path) -> None:
    perfect = {"val_accuracy": 1.0, "test_accuracy": 1.0}
    fake_run(tmp_path / "0", fake_fields(1.0, 0, final=perfect, dense=perfect))
    assert size(figure(compute(gather([tmp_path])))["png"])
    assert size(figure(compute(gather([tmp_path / "nothing"])))["png"])


def test_the_picture_exists_in_three_formats_without_a_date(sweep: Sweep) -> None:
    values = compute(gather([sweep()]))
    files = figure(values)
    assert files["pdf"].startswith(b"%PDF")
    assert b"<svg" in files["svg"]
    assert figure(values) == files


def test_less_than_a_decade_has_ticks(sweep: Sweep) -> None:
    text = figure(compute(gather([sweep(amounts=(0.2, 0.5))])))["svg"].decode()  # 30,853 and 49,365 parameters
    assert {"<!-- 35k -->", "<!-- 40k -->", "<!-- 45k -->"} <= set(re.findall("<!-- .*? -->", text))
