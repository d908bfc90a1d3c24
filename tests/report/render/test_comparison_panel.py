from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from fakes import Scores, fake_methods

from prunesweep.report.compute.comparison import compare
from prunesweep.report.compute.gather import gather
from prunesweep.report.render.comparison_panel import panel

SCORES: Scores = {"l1": {0.5: [0.9, 0.8], 0.9: [0.7, 0.6]}, "snip": {0.5: [0.9, 0.7], 0.9: [0.1, 0.01]}}


def test_without_a_comparison_there_is_no_panel() -> None:
    assert panel(None) == ""


def test_the_panel_has_a_plot_for_each_pair_and_the_tables(tmp_path: Path) -> None:
    comparison = compare(gather([fake_methods(tmp_path / "sweep", SCORES)]), "prune")
    section = ElementTree.fromstring(panel(comparison))  # well-formed
    assert section.get("id") == "comparison"
    assert len(section.findall("svg")) == 1
    assert [each.get("class") for each in section.findall("svg/g")] == [each.outcome for each in comparison.contrasts]
    assert len(section.findall("details/div/table")) == 2
    plot = section.findall("svg/g/circle")
    assert all(0 <= float(each.get("cx", "-1")) <= 440 for each in plot)
    assert "<script" not in panel(comparison)


def test_names_are_escaped(tmp_path: Path) -> None:
    comparison = compare(gather([fake_methods(tmp_path / "sweep", SCORES)]), "prune")
    evil = "<img src=x onerror=alert(1)>"
    contrasts = [replace(each, second=evil) for each in comparison.contrasts]
    shown = panel(replace(comparison, pairs=[("l1", evil)], contrasts=contrasts, methods=["l1", evil]))
    assert evil not in shown
    assert "&lt;img" in shown
