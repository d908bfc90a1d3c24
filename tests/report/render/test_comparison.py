import csv
from pathlib import Path

import pytest
from fakes import Scores, fake_methods

from prunesweep.errors import UsageError
from prunesweep.report.compute.comparison import Comparison, compare
from prunesweep.report.compute.gather import gather
from prunesweep.report.render.comparison import (
    as_csv,
    as_latex,
    as_markdown,
    check_file,
    notes,
    p_value,
    points,
    summary,
    tables,
)

SCORES: Scores = {
    "l1": {0.5: [0.92, 0.93, 0.91], 0.9: [0.82, 0.83, 0.81]},
    "random_layerwise": {0.5: [0.92, 0.92, 0.92], 0.9: [0.42, 0.43, 0.42]},
}


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    return compare(gather([fake_methods(tmp_path / "sweep", SCORES)]), "prune")


def test_numbers_are_formatted_in_points() -> None:
    assert [points(0.0123), points(-0.00001), points(-0.5)] == ["+1.23", "+0.00", "-50.00"]
    assert [p_value(0.0009), p_value(0.03149)] == ["<0.001", "0.031"]


def test_a_sentence_says_where_a_method_is_better(comparison: Comparison) -> None:
    (sentence,) = summary(comparison)
    assert sentence.startswith(
        "l1 against random_layerwise: better at 0.9, not distinguished at 0.5 (1 win, 1 tie, 0 losses); area +19.83"
    )
    assert sentence.endswith(": better.")


def test_a_narrow_table_has_the_columns_that_decide(comparison: Comparison) -> None:
    wide, narrow = tables(comparison)[1], tables(comparison, narrow=True)[1]
    assert wide.columns[:5] == ("amount", "l1 %", "against", "other %", "difference")
    assert narrow.columns == ("amount", "against", "difference", "interval", "p", "result", "seeds needed")
    assert [row[0] for row in narrow.rows] == ["area", "0.5", "0.9"]
    assert wide.rows[2][:5] == ("0.9", "82.00", "random_layerwise", "42.33", "+39.67")


def test_the_notes_state_the_test_and_its_correction(comparison: Comparison) -> None:
    text = " ".join(notes(comparison))
    assert "paired t test over common seeds, corrected with Holm's method for 3 tests together" in text
    assert "left out" not in text


def test_csv_has_the_exact_numbers(comparison: Comparison) -> None:
    rows = list(csv.DictReader(as_csv(comparison).splitlines()))
    assert [row["figure"] for row in rows] == ["area", "accuracy", "accuracy"]
    for row, contrast in zip(rows, comparison.contrasts, strict=True):
        assert float(row["difference"]) == contrast.difference.mean
        assert float(row["p.holm"]) == contrast.p
        assert (row["first"], row["second"], row["result"]) == ("l1", "random_layerwise", contrast.outcome)


def test_markdown_and_latex_escape_names(comparison: Comparison) -> None:
    markdown, latex = as_markdown(comparison), as_latex(comparison)
    assert "| 0.9 | 82.00 | random\\_layerwise | 42.33 | +39.67 |" in markdown
    assert "0.9 & 82.00 & random\\_layerwise & 42.33 & $+39.67$ & $+" in latex
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == 2
    assert "l1 \\% &" in latex


def test_one_seed_is_no_evidence(tmp_path: Path) -> None:
    found = compare(gather([fake_methods(tmp_path, {"l1": {0.5: [0.9]}, "l2": {0.5: [0.8]}})]), "prune")
    assert summary(found) == ["l1 and l2: one common seed. Nothing can be concluded; run at least three seeds."]
    assert "Differences with one common seed have no interval" in notes(found)[-1]
    assert tables(found)[0].rows == [("0.5", "90.00", "l2", "80.00", "+10.00", "", "1", "", "one seed", "")]


def test_the_name_of_a_file_gives_its_format() -> None:
    check_file(Path("a/table.tex"), [".csv", ".tex"])
    with pytest.raises(UsageError, match=r"--out=table.txt: the name must end with one of .csv, .tex"):
        check_file(Path("table.txt"), [".csv", ".tex"])
