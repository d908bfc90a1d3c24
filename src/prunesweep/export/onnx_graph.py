"""`onnx`: a graph for onnxruntime and other runtimes, for any batch size. Needs the extra `[onnx]`.

The description is an entry of the metadata, which is read without parsing the file.

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
from prunesweep.export.protobuf import Field, bytes_field, fields
from prunesweep.export.protocol import Container, Executes, Format, Network
from prunesweep.files import sha256

MEMORY = 2 * LIMIT
"""The largest memory in bytes that onnxruntime allocates for the tensors of graphs."""

STRUCTURE_LIMIT = 4_000_000
"""The largest size of a graph in bytes, without its weights."""

MAX_MESSAGES = 100_000
"""The largest number of nodes, tensors and attributes."""

GRAPH, METADATA = 7, 14
"""Numbers of fields of a model, in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""

INITIALIZER, RAW_DATA = 5, 9
"""Numbers of fields of a graph (the tensors) and of a tensor (its bytes)."""

ENTRY_KEY, ENTRY_VALUE = 1, 2
"""Numbers of fields of an entry of the metadata."""


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
        InvalidFile: The graph is too large, reads other files, or contains control flow, functions, or operators
            that are not in the ONNX standard.
    """
    need_extra("an ONNX file", "onnx", "onnx", "onnxruntime")
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
    options.intra_op_num_threads = 1  # like torch in `prunesweep evaluate`
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

    _check_size(content)
    model = onnx.ModelProto.FromString(content)
    if model.functions:  # they can expand to graphs of any size
        raise InvalidFile("has functions of its own")
    for count, message in enumerate(_messages(model.graph), 1):
        if count > MAX_MESSAGES:
            raise InvalidFile(f"has more than {MAX_MESSAGES:,} nodes, tensors and attributes")
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


def _check_size(content: bytes) -> None:
    """Check that the model is not larger than `STRUCTURE_LIMIT` without its weights, before it is parsed."""
    size = len(content) - sum(field.end - field.value for field in _raw_data(content))
    if size > STRUCTURE_LIMIT:
        raise InvalidFile(f"has a graph of more than {STRUCTURE_LIMIT:,} bytes, without its weights")


def _raw_data(content: bytes) -> Iterator[Field]:
    """Yield the fields with the bytes of the weights."""
    budget = iter(range(MAX_MESSAGES))
    for field in fields(content, 0, len(content), budget):
        if field.number == GRAPH:
            for part in fields(content, field.value, field.end, budget):
                if part.number == INITIALIZER:
                    entries = fields(content, part.value, part.end, budget)
                    yield from (entry for entry in entries if entry.number == RAW_DATA)


def _messages(parent: Any) -> Iterator[Any]:
    """Yield all messages in the protobuf message `parent`, at any depth."""
    for field, value in parent.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                yield child
                yield from _messages(child)


def _descriptions(content: bytes) -> Iterator[tuple[Field, bytes]]:
    """Yield each entry of the metadata that is a description, and its text."""
    budget = iter(range(MAX_MESSAGES))
    for field in fields(content, 0, len(content), budget):
        if field.number == METADATA:
            parts = fields(content, field.value, field.end, budget)
            entry = {part.number: content[part.value : part.end] for part in parts}
            if entry.get(ENTRY_KEY) == KEY.encode():
                yield field, entry.get(ENTRY_VALUE, b"")


def _read(content: bytes) -> bytes | None:
    return next((text for _, text in _descriptions(content)), None)


def _attach(content: bytes, text: str) -> bytes:
    entry = bytes_field(ENTRY_KEY, KEY.encode()) + bytes_field(ENTRY_VALUE, text.encode())
    return content + bytes_field(METADATA, entry)


def _content_hash(content: bytes) -> str:
    for field, _ in reversed(list(_descriptions(content))):
        content = content[: field.begin] + content[field.end :]
    return sha256(content)


ONNX = Container(
    recognizes=lambda head: head.startswith(b"\x08"),  # the first field: the version of the format
    read=_read,
    attach=_attach,
    content_hash=_content_hash,
)

FORMAT = Format("onnx", ".onnx", exact=False, executes=Executes.NOTHING, container=ONNX, save=save, load=load)
