import json
from pathlib import Path

import pytest

from prunesweep.errors import UsageError
from prunesweep.results.result import remove_outputs, write, write_failed


def test_results_are_plain_json(tmp_path: Path) -> None:
    write(tmp_path, {"status": "completed"})
    assert json.loads((tmp_path / "result.json").read_text()) == {"status": "completed"}


def test_nothing_is_written_if_a_number_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(tmp_path, {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"), [(UsageError("a=1: must be 2."), "a=1: must be 2."), (KeyError("x"), "KeyError: 'x'")]
)
def test_a_failed_run_records_the_reason(error: Exception, reason: str, tmp_path: Path) -> None:
    write_failed(tmp_path, ["seed=1"], error)
    fields = json.loads((tmp_path / "result.json").read_text())
    assert (fields["status"], fields["error"], fields["overrides"]) == ("failed", reason, ["seed=1"])


def test_the_outputs_of_an_earlier_run_are_removed_and_other_files_kept(tmp_path: Path) -> None:
    outputs = ["result.json", "provenance.json", "model.safetensors", "export/model.onnx"]
    others = [".hydra/config.yaml", "notes.txt", "export/README.md"]
    for name in (*outputs, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    remove_outputs(tmp_path)
    assert [name for name in (*outputs, *others) if (tmp_path / name).exists()] == others
    remove_outputs(tmp_path)  # nothing to remove
