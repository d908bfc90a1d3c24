import re
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
def test_a_file_tells_its_format(name: str, network: nn.Module, description: Description, tmp_path: Path) -> None:
    FORMATS[name].save(network, tmp_path / "any-name", replace(description, format=name))
    found = describe(tmp_path / "any-name")
    assert found == replace(description, format=name)
    assert load(tmp_path / "any-name", found, trust=True)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


NO_EXPORTS = {
    "empty": b"",
    "text": b"<script>alert(1)</script>",
    "graph": b"\x08\x07 and no graph",
    "pickle": b"\x80\x04K\x01.",
    "zip": b"PK\x03\x04 and no archive",
    "safetensors": save({"x": torch.zeros(1)}),
    "header": b"\xff\xff\xff\xff\xff\xff\xff\x7f{",
    "own": save({"x": torch.zeros(1)}, {KEY: "{}"}),
}


@pytest.mark.parametrize("name", NO_EXPORTS)
def test_what_is_no_export(name: str, tmp_path: Path) -> None:
    if name == "graph":
        pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    (tmp_path / name).write_bytes(NO_EXPORTS[name])
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / name}: is not an export of prunesweep.")):
        describe(tmp_path / name)


def test_no_file_and_no_format(description: Description, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        describe(tmp_path)
    save_file({"x": torch.zeros(1)}, tmp_path / "f", {KEY: replace(description, format="pickle").dumps()})
    with pytest.raises(UsageError, match="is not an export"):
        describe(tmp_path / "f")


def test_an_export_that_lacks_a_tensor(description: Description, tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "f", {KEY: description.dumps()})
    with pytest.raises(UsageError, match=r"f: cannot be read \(RuntimeError"):
        load(tmp_path / "f", describe(tmp_path / "f"), trust=False)
