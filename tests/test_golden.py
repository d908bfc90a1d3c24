"""The numbers of tiny runs are those that were recorded. `python tests/golden/record.py` records them again."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "golden"))

from cases import CASES, FOLDER, machine, numbers

LOSS, ACCURACY = 0.02, 0.02
"""How much losses (relative) and accuracies (absolute) may differ between processors."""


def close(found: dict[str, Any], recorded: dict[str, Any]) -> None:
    for point, scores in recorded["scores"].items():
        for name, value in scores.items():
            tolerance = {"rel": LOSS} if name.endswith("loss") else {"abs": ACCURACY}
            assert found["scores"][point][name] == pytest.approx(value, **tolerance), (point, name)
    for one, other in zip(found["history"], recorded["history"], strict=True):
        assert one[:2] == other[:2]
        assert one[2] == pytest.approx(other[2], rel=LOSS)
        assert one[3] == pytest.approx(other[3], abs=ACCURACY)


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_recorded(name: str, tmp_path: Path) -> None:
    recorded = json.loads((FOLDER / f"{name}.json").read_text())
    found = numbers(name, tmp_path)
    assert found["overrides"] == recorded["overrides"]
    assert found["counts"] == recorded["counts"]
    assert found["rounds"] == recorded["rounds"]
    close(found, recorded)
    for where, masks in found["masks"].items():
        if where in recorded["masks"]:  # trained masks depend on rounding: they are exact on recorded machines only
            assert masks == recorded["masks"][where], where


def test_every_recorded_file_has_a_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CASES)
    assert machine()
