"""`onnx`: a graph for onnxruntime and other runtimes, for any batch size. Needs the extra `[onnx]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prunesweep.errors import need_extra
from prunesweep.export.description import KEY, Description
from prunesweep.export.protocol import Executes, Format, Network


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the graph of `model`, with the input `images` and the output `logits`."""
    need_extra("--format=onnx", "onnx", "onnx", "onnxscript", "onnxruntime")
    graph = torch.onnx.export(
        model,
        (torch.zeros(2, *description.shape),),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        input_names=["images"],
        output_names=["logits"],
        verbose=False,
    )
    assert graph is not None
    graph.model.metadata_props[KEY] = description.dumps()
    graph.save(path, external_data=False)


def load(path: Path, _: Description) -> Network:
    """Return the network in the file at `path`, executed by onnxruntime."""
    session = _session(path)
    name = session.get_inputs()[0].name

    def network(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: images.contiguous().numpy()})[0])

    return network


def read_description(path: Path) -> str | None:
    """Return the JSON of the description in the file at `path`, or None."""
    return dict(_session(path).get_modelmeta().custom_metadata_map).get(KEY)


def _session(path: Path) -> Any:
    need_extra(f"{path}: an ONNX file", "onnx", "onnxruntime")
    import onnxruntime

    return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])


FORMAT = Format("onnx", ".onnx", exact=False, executes=Executes.NOTHING, save=save, load=load)
