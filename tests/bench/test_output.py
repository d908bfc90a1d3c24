import json
from pathlib import Path

import pytest

from prunesweep.bench.measure import Measurement
from prunesweep.bench.output import microseconds, show, write_json
from prunesweep.bench.timing import Times
from prunesweep.bench.variants import SPARSE_C
from prunesweep.export.write import FileSize
from prunesweep.results.run_directory import RunDirectory

RESULT = {"digest": "ab" * 32, "model": "lenet5_caffe", "params_total": 431_080, "params_nonzero": 2_874}
TIMES = {
    1: {"torch, sparse CSR": Times(384.4, 356.2, 388.0), SPARSE_C: Times(19.14, 18.9, 19.4)},
    256: {"torch, sparse CSR": Times(112_466, 111_482, 114_907), SPARSE_C: Times(4_785, 4_769, 4_814)},
}
NOTE = "onnxruntime, dense is left out: not installed."


def measurement(folder: Path) -> Measurement:
    run = RunDirectory(folder, [], RESULT)
    return Measurement(run, TIMES, {"safetensors": FileSize(1_725_488, 18_411)}, [NOTE])


def test_the_tables_fit_into_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prunesweep.report.console.text.WIDTH_OF_LOG", 80)
    show([measurement(tmp_path)], 30)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"{tmp_path}: lenet5_caffe, 2,874 of 431,080 parameters (150.0x)" in lines
    assert "1 image median quartiles relative" in lines
    assert "torch, sparse CSR 384 µs 356 µs - 388 µs 20.08" in lines
    assert "torch, sparse CSR 112,466 µs 111,482 µs - 114,907 µs 23.50" in lines
    assert "C, sparse 4,785 µs 4,769 µs - 4,814 µs 1.00" in lines
    assert "safetensors 1,725,488 18,411" in lines
    assert f"note: {NOTE}" in lines
    assert any("30 rounds; processor " in line for line in lines)


def test_short_times_have_a_decimal() -> None:
    assert [microseconds(value) for value in (1.26, 99.94, 100, 12345.6)] == [
        "1.3 µs",
        "99.9 µs",
        "100 µs",
        "12,346 µs",
    ]


def test_all_figures_are_written_as_json(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "bench.json", [measurement(tmp_path)], 30)
    content = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert (content["rounds"], content["threads"]) == (30, 1)
    (run,) = content["runs"]
    assert run["latencies_us"][1] == {"images": 1, "variant": SPARSE_C, "median": 19.14, "low": 18.9, "high": 19.4}
    assert len(run["latencies_us"]) == 4
    assert run["file_bytes"] == {"safetensors": {"plain": 1_725_488, "gzipped": 18_411}}
    assert {key: run[key] for key in RESULT} == RESULT
    assert run["notes"] == [NOTE]
