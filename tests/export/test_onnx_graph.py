from pathlib import Path

import pytest
import torch
from torch import nn

from prunesweep.export import onnx_graph
from prunesweep.export.description import Description, loads

for module in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(module, reason="needs the extra [onnx]")


def test_the_graph_and_its_description_are_read_back_from_one_file(
    network: nn.Module, description: Description, tmp_path: Path
) -> None:
    path = tmp_path / "f.onnx"
    onnx_graph.save(network, path, description)
    assert [file.name for file in tmp_path.iterdir()] == ["f.onnx"], "the weights are in the same file"
    assert loads(path, onnx_graph.read_description(path)) == description
    loaded = onnx_graph.load(path, description)
    for number in (1, 7):
        images = torch.randn(number, 1, 28, 28)
        torch.testing.assert_close(loaded(images), network(images), atol=1e-4, rtol=0)
