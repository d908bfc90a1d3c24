import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export.description import KEY, Description
from prunesweep.export.formats import FORMATS, load, pack, parse, read
from prunesweep.export.invalid import LIMIT


@pytest.mark.parametrize("name", ["safetensors", "csr", "torch"])
def test_a_file_is_recognized_by_its_content(
    name: str, network: nn.Module, description: Description, tmp_path: Path
) -> None:
    described = replace(description, format=name)
    (tmp_path / "any-name").write_bytes(pack(FORMATS[name], network, described))
    export = read(tmp_path / "any-name")
    assert replace(export.description, checksum=None) == described
    assert load(export, trust=True)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def export_of(tensors: dict[str, Any], description: Description, **metadata: str) -> bytes:
    """A safetensors file with a description without a checksum, as older releases wrote it."""
    text = description.dumps("").replace('"checksum"', '"old"')
    return save(tensors, {KEY: text, **metadata})


OTHER_FILES = {
    "empty": b"",
    "text": b"<script>alert(1)</script>",
    "graph": b"\x08\x07 but not a graph",
    "pickle": b"\x80\x04K\x01.",
    "zip": b"PK\x03\x04 but not an archive",
    "safetensors": save({"x": torch.zeros(1)}),
    "own": save({"x": torch.zeros(1)}, {KEY: "{}"}),
    "deep": save({"x": torch.zeros(1)}, {KEY: "[" * 90_000}),
    "deep header": (5_000).to_bytes(8, "little") + b'{"a":' * 1_000,
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_another_file_is_not_an_export(name: str, tmp_path: Path) -> None:
    if name == "graph":
        pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    (tmp_path / name).write_bytes(OTHER_FILES[name])
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / name}: is not an export of prunesweep")):
        read(tmp_path / name)


def test_only_regular_files_of_limited_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(LIMIT + 1)
    for name, message in (
        ("fifo", "regular file"),
        (".", "regular file"),
        ("huge", "larger"),
        ("no", "does not exist"),
    ):
        with pytest.raises(UsageError, match=message):
            read(tmp_path / name)


def test_the_format_must_exist_and_fit_the_kind_of_file(description: Description) -> None:
    for name in ("pickle", "onnx"):
        with pytest.raises(UsageError, match=f'f: is not a file of the format "{name}"'):
            parse(Path("f"), export_of({"x": torch.zeros(1)}, replace(description, format=name)))


def test_a_file_without_a_checksum_is_read(network: nn.Module, description: Description) -> None:
    export = parse(Path("f"), export_of(network.state_dict(), description))
    assert export.description == description
    assert load(export, trust=False)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_tensors_of_another_network_are_refused(description: Description) -> None:
    export = parse(Path("f"), export_of({"x": torch.zeros(1)}, description))
    with pytest.raises(UsageError, match="f: does not have the tensor fc1.bias, which the described network needs"):
        load(export, trust=False)


@pytest.mark.parametrize("name", ["safetensors", "csr", "compact"])
def test_a_custom_network_is_not_executed_without_trust(
    name: str, description: Description, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign_net.py").write_text("raise RuntimeError('executed')\n")
    monkeypatch.syspath_prepend(tmp_path)
    custom = replace(description, format=name, model={"name": "custom", "target": "foreign_net.Net", "kwargs": {}})
    export = parse(Path("f"), export_of({"x": torch.zeros(1)}, custom, shapes="{}"))
    with pytest.raises(UsageError, match="f: its config names code, model.target=foreign_net.Net"):
        load(export, trust=False)
    assert "foreign_net" not in sys.modules
    with pytest.raises(UsageError, match="executed"):
        load(export, trust=True)


def test_a_program_is_not_read_without_trust(network: nn.Module, description: Description) -> None:
    export = parse(Path("f"), pack(FORMATS["torch"], network, replace(description, format="torch")))
    with pytest.raises(UsageError, match=r"f: is a file with code \(format torch\).* Pass --trust to allow it"):
        load(export, trust=False)


def test_a_graph_of_a_custom_network_needs_no_trust(network: nn.Module, description: Description) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    pytest.importorskip("onnxscript", reason="needs the extra [onnx]")
    custom = replace(description, format="onnx", model={"name": "custom", "target": "absent.Net", "kwargs": {}})
    loaded = load(parse(Path("f"), pack(FORMATS["onnx"], network, custom)), trust=False)
    assert loaded(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
