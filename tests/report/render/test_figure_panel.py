"""What a panel of the figure draws, read from matplotlib and compared with the accuracies that were written."""

from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev

import matplotlib as mpl
import numpy as np
import pytest
from fakes import fake_fields, fake_methods, fake_round, fake_run
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.figure import STYLE
from prunesweep.report.render.figure_panel import label_ends, panel

SCORES = {"l1": {0.5: (0.97, 0.974), 0.9: (0.95, 0.96)}, "random_layerwise": {0.5: (0.96, 0.95), 0.9: (0.8, 0.7)}}


def drawn(folder: Path) -> Axes:
    values = compute(gather([folder]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.9), layout="constrained")
        done = panel(figure.subplots(), values.tasks[0], values, named=False)
        figure.draw_without_rendering()
        label_ends(done)
    return done.axes


def test_every_setting_is_drawn_as_mean_and_standard_deviation_in_the_color_of_the_page(tmp_path: Path) -> None:
    axes = drawn(fake_methods(tmp_path, SCORES))
    for bars, by_amount, color in zip(axes.containers, SCORES.values(), ("#0072b2", "#d55e00"), strict=True):
        points, _, (lines,) = bars.lines
        assert points.get_color() == color
        assert list(points.get_xdata()) == [30853, 6171]
        assert list(points.get_ydata()) == pytest.approx([100 - 100 * fmean(each) for each in by_amount.values()])
        ends = [100 * stdev(each) for each in by_amount.values()]
        for segment, mean, end in zip(lines.get_segments(), points.get_ydata(), ends, strict=True):
            assert list(segment[:, 1]) == pytest.approx([mean - end, mean + end])


def test_the_horizontal_axis_is_the_cost_that_the_search_minimized(tmp_path: Path) -> None:
    for number, (amount, latency) in enumerate([(0.5, 40.5), (0.9, 6.25)]):
        fields = fake_fields(amount, 0, latency_us=latency)
        fake_run(tmp_path / str(number), fields, search__objectives=["val_accuracy", "latency_us"])
    axes = drawn(tmp_path)
    assert axes.get_xlabel() == "Microseconds per image"
    assert [bars.lines[0].get_xdata().tolist() for bars in axes.containers] == [[40.5, 6.25]]


def test_labels_are_the_typed_names_at_the_cheap_ends_of_the_lines(tmp_path: Path) -> None:
    axes = drawn(fake_methods(tmp_path, SCORES))
    labels = {text.get_text(): text for text in axes.texts}
    assert set(labels) == {"l1", "random_layerwise", "dense\n97.90 %\nnoise\n± 0.14"}
    assert labels["l1"].xy == (6171, pytest.approx(4.5))
    assert labels["l1"].get_color() == "#0072b2"
    assert axes.get_xlim()[0] < 6171 / 2, "there is space for the labels"


def test_labels_of_equal_lines_do_not_overlap(tmp_path: Path) -> None:
    names = ("l1", "l2", "lamp", "snip", "obd")
    axes = drawn(fake_methods(tmp_path, {name: {0.5: (0.97,), 0.9: (0.95,)} for name in names}))
    axes.figure.draw_without_rendering()
    labels = [text for text in axes.texts if not text.get_text().startswith("dense")]
    boxes = sorted(map(Text.get_window_extent, labels), key=lambda box: box.y0)  # without the leader lines
    assert len(boxes) == 5
    assert all(upper.y0 >= lower.y1 for lower, upper in pairwise(boxes))


def test_labels_of_dense_networks_are_beside_the_axes_and_do_not_overlap(tmp_path: Path) -> None:
    for number, (model, params) in enumerate(
        [("lenet5", 61_706), ("lenet_300_100", 266_610), ("a_network" * 9, 70_000)]
    ):
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, model=model, params_total=params, dense_digest=model))
    axes = drawn(tmp_path)
    axes.figure.draw_without_rendering()
    labels = [text for text in axes.texts if text.get_text().startswith("dense")]
    names = [text.get_text().split("\n")[1] for text in labels]
    assert names[:2] == ["lenet5", "lenet_300_100"]
    assert names[2].startswith("a_network")
    assert names[2].endswith("…")
    boxes = sorted(map(Text.get_window_extent, labels), key=lambda box: box.y0)
    assert all(box.x0 >= axes.bbox.x1 for box in boxes)
    assert all(box.x1 <= axes.figure.bbox.x1 for box in boxes), "the figure has space for them"
    assert all(upper.y0 >= lower.y1 for lower, upper in pairwise(boxes))


def test_many_lines_have_a_legend(tmp_path: Path) -> None:
    axes = drawn(fake_methods(tmp_path, {f"c{number}": {0.5: (0.97,), 0.9: (0.95,)} for number in range(13)}))
    legend = axes.get_legend()
    assert legend is not None
    assert "c12" in [text.get_text() for text in legend.get_texts()]
    assert [text.get_text() for text in axes.texts] == ["dense\n97.90 %\nnoise\n± 0.14"]


def test_the_band_is_the_noise_around_the_dense_network(tmp_path: Path) -> None:
    axes = drawn(fake_methods(tmp_path, SCORES))
    (band,) = axes.patches
    noise = 100 * np.sqrt(0.979 * 0.021 / 10_000)
    assert (band.get_y(), band.get_height()) == (pytest.approx(2.1 - noise), pytest.approx(2 * noise))


def test_collapsed_settings_are_marked(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0))
    fake_run(tmp_path / "1", fake_fields(0.9, 0, collapsed="no signal passes fc1"))
    axes = drawn(tmp_path)
    (marks,) = [each for each in axes.collections if each.get_label() == "collapsed"]
    assert marks.get_offsets().tolist() == [[6171, pytest.approx(100 * (1 - 0.7638))]]  # 0.98 - 0.9^8 / 2 - 0.001


def test_earlier_rounds_lead_to_their_setting(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.9, 0, rounds=[fake_round(1, 0.5, 0), fake_round(2, 0.8, 0)]))
    lines = [list(line.get_xdata()) for line in drawn(tmp_path).lines]
    assert [30853, 12341, 6171] in lines
