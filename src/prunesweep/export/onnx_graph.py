"""`onnx`: a graph for onnxruntime and other runtimes, for any batch size. Needs the extra `[onnx]`.

The description is the last entry of the file, so that the bytes before it are those of the graph alone.

A graph from someone else may contain only operators of the ONNX standard that end and whose memory is limited.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from prunesweep.errors import need_extra
from prunesweep.export.description import KEY, Description
from prunesweep.export.invalid import LIMIT, InvalidFile
from prunesweep.export.protocol import Container, Executes, Format, Network
from prunesweep.files import sha256

MEMORY = 2 * LIMIT
"""The largest memory in bytes that onnxruntime allocates for the tensors of graphs."""


def save(model: nn.Module, description: Description) -> bytes:
    """Return a file with the graph of `model`, with the input `images` and the output `logits`."""
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
    content: bytes = graph.model_proto.SerializeToString()
    return content


def load(content: bytes, _: Description) -> Network:
    """Return the network in a file, executed by onnxruntime.

    Raises:
        InvalidFile: The graph reads other files, or contains control flow, functions, or operators of its own.
    """
    _check_graph(content)
    session = _session(content)
    name = session.get_inputs()[0].name

    def network(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: images.contiguous().numpy()})[0])

    return network


def _session(content: bytes) -> Any:
    import onnxruntime

    _limit_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4  # errors are raised; they must not be printed as well
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@cache
def _limit_memory() -> None:
    """Limit the memory of onnxruntime in this process to `MEMORY`."""
    from onnxruntime import OrtAllocatorType, OrtArenaCfg, OrtMemoryInfo, OrtMemType, create_and_register_allocator

    memory = OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT)
    create_and_register_allocator(memory, OrtArenaCfg({"max_mem": MEMORY, "arena_extend_strategy": 1}))


def _check_graph(content: bytes) -> None:
    import onnx

    for message in _messages(_parse(content).graph):
        if isinstance(message, onnx.GraphProto):
            raise InvalidFile("has control flow (a graph within its graph)")
        if isinstance(message, onnx.SparseTensorProto):
            raise InvalidFile("has a sparse tensor")
        if isinstance(message, onnx.NodeProto) and message.domain not in ("", "ai.onnx"):
            raise InvalidFile(f"has an operator {message.op_type} of the domain {message.domain}")
        if isinstance(message, onnx.TensorProto):
            if message.data_location == onnx.TensorProto.EXTERNAL:
                raise InvalidFile(f"has a tensor {message.name} that is in another file")
            if message.data_type == onnx.TensorProto.STRING:
                raise InvalidFile(f"has a tensor {message.name} of text")
            if math.prod(message.dims) > 8 * len(content):
                raise InvalidFile(f"has a tensor {message.name} that is larger than the file")


def _messages(parent: Any) -> Iterator[Any]:
    """Yield all messages in the protobuf message `parent`, at any depth."""
    for field, value in parent.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                yield child
                yield from _messages(child)


def _parse(content: bytes) -> Any:
    """Return the ONNX model in a file.

    Raises:
        InvalidFile: The model has functions, which can expand to graphs of any size.
        DecodeError: The content is damaged.
    """
    need_extra("an ONNX file", "onnx", "onnx", "onnxruntime")
    import onnx

    model = onnx.ModelProto.FromString(content)
    if model.functions:
        raise InvalidFile("has functions of its own")
    return model


def _read(content: bytes) -> str | None:
    return next((entry.value for entry in _parse(content).metadata_props if entry.key == KEY), None)


def _entry(text: str) -> bytes:
    """Return the bytes of a model that has only a description. Appended to a model, they add it."""
    import onnx

    entry = onnx.StringStringEntryProto(key=KEY, value=text)
    content: bytes = onnx.ModelProto(metadata_props=[entry]).SerializeToString()
    return content


def _attach(content: bytes, text: str) -> bytes:
    return content + _entry(text)


def _content_hash(content: bytes) -> str:
    text = _read(content)
    return sha256(content if text is None else content.removesuffix(_entry(text)))


ONNX = Container(
    recognizes=lambda head: head.startswith(b"\x08"),  # the first field: the version of the format
    read=_read,
    attach=_attach,
    content_hash=_content_hash,
)

FORMAT = Format("onnx", ".onnx", exact=False, executes=Executes.NOTHING, container=ONNX, save=save, load=load)
