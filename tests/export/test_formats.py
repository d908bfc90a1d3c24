import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export.description import KEY, Description
from prunesweep.export.formats import FORMATS, describe, load


@pytest.mark.parametrize("name", ["safetensors", "csr", "torch"])
def test_a_file_is_recognized_by_its_content(
    name: str, network: nn.Module, description: Description, tmp_path: Path
) -> None:
    FORMATS[name].save(network, tmp_path / "any-name", replace(description, format=name))
    read = describe(tmp_path / "any-name")
    assert read == replace(description, format=name)
    assert load(tmp_path / "any-name", read, trust=True)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


OTHER_FILES = {
    "empty": b"",
    "text": b"<script>alert(1)</script>",
    "graph": b"\x08\x07 but not a graph",
    "pickle": b"\x80\x04K\x01.",
    "zip": b"PK\x03\x04 but not an archive",
    "safetensors": save({"x": torch.zeros(1)}),
    "header": b"\xff\xff\xff\xff\xff\xff\xff\x7f{",
    "own": save({"x": torch.zeros(1)}, {KEY: "{}"}),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_another_file_is_not_an_export(name: str, tmp_path: Path) -> None:
    if name == "graph":
        pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    (tmp_path / name).write_bytes(OTHER_FILES[name])
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / name}: is not an export of prunesweep.")):
        describe(tmp_path / name)


def test_a_missing_file_and_an_unknown_format_are_refused(description: Description, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist, or is not a file"):
        describe(tmp_path)
    save_file({"x": torch.zeros(1)}, tmp_path / "f", {KEY: replace(description, format="pickle").dumps()})
    with pytest.raises(UsageError, match="is not an export"):
        describe(tmp_path / "f")


def test_a_damaged_export_is_reported(description: Description, tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "f", {KEY: description.dumps()})
    with pytest.raises(UsageError, match=r"f: cannot be read \(RuntimeError"):
        load(tmp_path / "f", describe(tmp_path / "f"), trust=False)


@pytest.mark.parametrize("name", ["safetensors", "csr", "compact"])
def test_a_custom_network_is_not_executed_without_trust(
    name: str, description: Description, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign_net.py").write_text("raise RuntimeError('executed')\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "f"
    custom = replace(description, format=name, model={"name": "custom", "target": "foreign_net.Net", "kwargs": {}})
    save_file({"x": torch.zeros(1)}, path, {KEY: custom.dumps(), "shapes": "{}"})
    with pytest.raises(UsageError, match="f: its config names code, model.target=foreign_net.Net"):
        load(path, describe(path), trust=False)
    assert "foreign_net" not in sys.modules
    with pytest.raises(UsageError, match="executed"):
        load(path, describe(path), trust=True)


def test_a_program_is_not_read_without_trust(network: nn.Module, description: Description, tmp_path: Path) -> None:
    FORMATS["torch"].save(network, tmp_path / "f", replace(description, format="torch"))
    with pytest.raises(UsageError, match=r"f: is a file with code \(format torch\).* Pass --trust to allow it"):
        load(tmp_path / "f", describe(tmp_path / "f"), trust=False)


def test_a_graph_of_a_custom_network_needs_no_trust(
    network: nn.Module, description: Description, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    pytest.importorskip("onnxscript", reason="needs the extra [onnx]")
    custom = replace(description, format="onnx", model={"name": "custom", "target": "absent.Net", "kwargs": {}})
    FORMATS["onnx"].save(network, tmp_path / "f", custom)
    loaded = load(tmp_path / "f", describe(tmp_path / "f"), trust=False)
    assert loaded(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
