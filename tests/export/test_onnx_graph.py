import pytest
import torch
from torch import nn

from prunesweep.export import onnx_graph
from prunesweep.export.description import Description

for module in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(module, reason="needs the extra [onnx]")


def test_the_graph_and_its_description_are_read_back_from_one_file(
    network: nn.Module, description: Description
) -> None:
    bare = onnx_graph.save(network, description)
    content = onnx_graph.ONNX.attach(bare, "text")
    assert onnx_graph.ONNX.read(content) == b"text"
    assert onnx_graph.ONNX.read(bare) is None
    assert onnx_graph.ONNX.content_hash(content) == onnx_graph.ONNX.content_hash(bare)
    loaded = onnx_graph.load(content, description)
    for number in (1, 7):
        images = torch.randn(number, 1, 28, 28)
        torch.testing.assert_close(loaded(images), network(images), atol=1e-4, rtol=0)
