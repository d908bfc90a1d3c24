"""The numbers of tiny runs are those that were recorded. `python tests/golden/record.py` records them again."""

import json
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from support import Command

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


PORTABLE = {"2.14.1+cu130": "74143d5a992706838c6ca5455600e3ec8a032fa86017c2f10a67e4d967a9ae3b"}
"""torch release -> hash of the weights of a portable run, on every x86-64 processor."""


@pytest.mark.skipif(torch.__version__ not in PORTABLE, reason="portable weights are not recorded for this release")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="portable=true needs an x86-64 processor")
def test_a_portable_run_gives_the_same_bits_on_every_processor(run_py: Command, tmp_path: Path) -> None:
    tiny = CASES["one_shot"].split()
    done = run_py(*tiny, "threads=1", "portable=true", f"hydra.run.dir={tmp_path / 'run'}", store=False, fresh=True)
    assert done.code == 0, done.err
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["environment"]["device"] == "portable"
    assert provenance["weights"] == PORTABLE[torch.__version__]
