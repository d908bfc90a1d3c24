"""Exported files and run directories that someone else wrote, edited or damaged: one message, never a wrong result."""

import importlib.util
import json
import os
import resource
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from support import NEEDS_PACKED, Completed, change
from torch import Tensor, nn

from prunesweep.cli import main
from prunesweep.errors import UsageError
from prunesweep.export import csr
from prunesweep.export.description import KEY, Description
from prunesweep.export.formats import FORMATS, load, pack, parse
from prunesweep.export.protobuf import bytes_field
from prunesweep.export.tensor_file import metadata, unpack
from prunesweep.export.tensor_file import pack as pack_tensors
from prunesweep.models.build import build
from prunesweep.models.settings import ConvLeNet, LeNet5

INSTALLED = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))
ONNX = pytest.mark.skipif(not INSTALLED, reason="needs the extra [onnx]")
COMPILER = pytest.mark.skipif(FORMATS["c"].obstacle() is not None, reason="needs a C compiler")
MARKS = {"onnx": [ONNX], "c": [COMPILER], "packed": [NEEDS_PACKED]}
FORMS = [pytest.param(name, marks=MARKS.get(name, [])) for name in FORMATS]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Evaluate a file with the given content, which must fail; return the message, which is a single line."""

    def evaluate(content: bytes, *options: str) -> str:
        (tmp_path / "file").write_bytes(content)
        assert main(["evaluate", str(tmp_path / "file"), *options]) == 1
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith(f"prunesweep: {tmp_path / 'file'}: ")
        assert output.err.count("\n") == 1
        assert len(output.err) < 800
        return output.err

    return evaluate


def without_checksum(description: Description) -> str:
    """The description as JSON, as releases without checksums wrote it."""
    return json.dumps({name: value for name, value in asdict(description).items() if name != "checksum"})


def older(tensors: dict[str, Tensor], description: Description, **other: str) -> bytes:
    """A safetensors file of a release without checksums."""
    return pack_tensors(tensors, {KEY: without_checksum(description), **other})


# Edits of an exported file


@pytest.fixture(scope="module")
def small() -> tuple[nn.Module, Description]:
    """A network of 2,610 parameters, half of them zero, and its description."""
    torch.manual_seed(0)
    network = build(ConvLeNet(widths=[1, 1, 1, 1]), (1, 28, 28), 10).eval()
    for parameter in network.parameters():
        parameter.data[torch.rand(parameter.shape) < 0.5] = 0
    model = {"name": "conv_lenet", "widths": [1, 1, 1, 1]}
    counts = {"params_total": 2_610, "params_nonzero": 1_305}
    description = Description(
        "safetensors", model, "mnist5k", [1, 28, 28], [0.1307], [0.3081], 500, 0.1, **counts, digest="ab" * 32
    )
    return network, description


FILES: dict[str, bytes] = {}


def packed(form: str, small: tuple[nn.Module, Description]) -> bytes:
    if form not in FILES:
        FILES[form] = pack(FORMATS[form], small[0], replace(small[1], format=form))
    return FILES[form]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(
    form: str, small: tuple[nn.Module, Description], data: st.DataObject
) -> None:
    content = bytearray(packed(form, small))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    try:
        network = load(parse(Path("file"), bytes(content)), trust=True)
    except UsageError:
        return
    images = torch.ones(2, 1, 28, 28)
    torch.testing.assert_close(network(images), small[0](images), atol=1e-4, rtol=0)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_edited_arrays_are_refused_or_decode_to_the_same_tensors(
    small: tuple[nn.Module, Description], data: st.DataObject
) -> None:
    content = packed("csr", small)
    tensors, expected = unpack(content), csr.expand(content)
    name = data.draw(st.sampled_from(sorted(name for name in tensors if tensors[name].numel())))
    array = tensors[name].numpy().copy()
    edit = data.draw(st.sampled_from(["bits", "shorter", "longer", "type", "order"]))
    if edit == "bits":
        array.view("uint8").reshape(-1)[data.draw(st.integers(0, array.nbytes - 1))] ^= data.draw(st.integers(1, 255))
    elif edit == "type":
        array = array.astype(data.draw(st.sampled_from(["float64", "int16", "int64", "uint64", "bool"])))
    elif edit == "order":
        array = array[::-1].copy()
    else:
        array = array[:-1] if edit == "shorter" else np.concatenate([array, array[-1:]])
    edited = pack_tensors({**tensors, name: torch.from_numpy(array)}, metadata(content))
    try:
        load(parse(Path("file"), edited), trust=False)
    except UsageError:
        return
    for key, tensor in csr.expand(edited).items():
        assert torch.equal(tensor, expected[key])


@pytest.mark.parametrize("form", [form for form in FORMS if form.values != ("packed",)])  # its checksum is elsewhere
def test_an_edited_description_is_refused(form: str, small: tuple[nn.Module, Description]) -> None:
    container, description = FORMATS[form].container, replace(small[1], format=form)
    content = FORMATS[form].save(small[0], description)
    text = description.dumps(container.content_hash(content))
    load(parse(Path("file"), container.attach(content, text)), trust=True)
    edited = container.attach(content, text.replace("0.1307", "0.1407"))
    with pytest.raises(UsageError, match="file: does not have the checksum in its description"):
        load(parse(Path("file"), edited), trust=True)


def test_a_file_without_a_checksum_is_evaluated_with_a_note(
    network: nn.Module, description: Description, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(older(network.state_dict(), description))
    assert main(["evaluate", str(tmp_path / "file")]) == 0
    output = capsys.readouterr()
    assert "of 1,000 images of the test split" in output.out
    assert "note: " in output.err
    assert "exported by an older release, without a checksum" in output.err


# Descriptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", [float("nan")]),
        ("mean", ["0.1307"]),
        ("std", [0]),
        ("validation", True),
        ("test_accuracy", "true"),
        ("params_nonzero", -1),
        ("shape", [1, 28, 10**12]),
        ("dataset", "\x1b[2J"),
        ("digest", "x" * 10_000),
        ("model", {"name": "\x1b[2J"}),
        ("model", {"name": "lenet_300_100", "y" * 10_000: 1}),
        ("model", {"name": "lenet5_caffe", "conv_relu": "yes"}),
        ("model", {"name": "conv_lenet", "widths": "${oc.env:HOME}"}),
    ],
)
def test_an_invalid_description_is_one_message(
    name: str, value: Any, network: nn.Module, description: Description, refused: Callable[..., str]
) -> None:
    message = refused(older(network.state_dict(), replace(description, **{name: value})))
    assert name in message
    assert "\x1b" not in message
    assert os.environ["HOME"] not in message


# Tensors


@pytest.mark.parametrize("form", ["safetensors", "csr", "compact"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float16])
def test_weights_of_other_types_are_refused(
    form: str, dtype: torch.dtype, network: nn.Module, description: Description, refused: Callable[..., str]
) -> None:
    tensors = {**network.state_dict(), "fc1.weight": network.get_submodule("fc1").weight.data.to(dtype)}  # type: ignore[operator,union-attr]
    assert "a tensor fc1.weight of type" in refused(older(tensors, replace(description, format=form), shapes="{}"))


def test_weights_that_are_not_finite_are_refused(
    network: nn.Module, description: Description, refused: Callable[..., str]
) -> None:
    tensors = {**network.state_dict(), "fc3.bias": torch.full((10,), float("nan"))}
    assert "its output contains numbers that are not finite" in refused(older(tensors, description))


def test_negative_gaps_are_refused_without_a_checksum_as_well(
    network: nn.Module, description: Description, refused: Callable[..., str]
) -> None:
    content = csr.save(network, description)
    tensors = unpack(content)
    tensors["fc1.weight/gaps"] = tensors["fc1.weight/gaps"].to(torch.int16)
    tensors["fc1.weight/gaps"][5] = -1
    message = refused(older(tensors, replace(description, format="csr"), **metadata(content)))
    assert "in which counts and gaps are not unsigned integers" in message


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("conv1.weight", (6, 1, 3, 3), "needs torch.float32 and [6, 1, 5, 5]"),
        ("conv1.weight", (6, 1, 28, 28), "needs torch.float32 and [6, 1, 5, 5]"),
        ("conv2.weight", (16, 5, 5, 5), "cannot process the images"),
        ("fc1.weight", (120, 399), "cannot process the images"),
        ("fc3.weight", (9, 84), "has 9 channels in fc3.weight, but 10 in fc3.bias"),
    ],
)
def test_impossible_compact_networks_are_refused(
    name: str, shape: tuple[int, ...], message: str, description: Description, refused: Callable[..., str]
) -> None:
    described = replace(description, format="compact", model={"name": "lenet5"})
    tensors = build(LeNet5(), (1, 28, 28), 10).state_dict()
    assert message in refused(older({**tensors, name: torch.zeros(shape)}, described))


def peak() -> int:
    """The largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_files_that_describe_gigabytes_are_refused_before_they_are_allocated(
    network: nn.Module, description: Description, refused: Callable[..., str]
) -> None:
    before = peak()
    wide = replace(description, model={"name": "conv_lenet", "widths": [4_096] * 4})
    shapes = {name: torch.zeros(1) for name in ("conv1.weight", "conv1.bias")}
    assert "does not have the tensor" in refused(older(shapes, wide))
    assert "must be four numbers of channels" in refused(
        older(shapes, replace(wide, model={**wide.model, "widths": [10**18] * 4}))
    )
    parts = {f"w/{part}": torch.from_numpy(array) for part, array in csr.encode(np.ones((1, 1), np.float32)).items()}
    sparse = older(parts, replace(description, format="csr"), shapes=json.dumps({"w": [1, 10**11]}))
    assert "has tensors of 400,000,000,000 bytes, more than 268,435,456" in refused(sparse)
    assert peak() - before < 100


# Graphs


def graph(nodes: list[Any], tensors: list[Any], description: Description, **fields: Any) -> bytes:
    """An ONNX file with the given nodes, as releases without checksums wrote it."""
    from onnx import TensorProto, helper

    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph(nodes, "graph", [images], [logits], tensors, **fields),
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)],
        ir_version=10,
    )
    return older_graph(model.SerializeToString(), description)


def older_graph(content: bytes, description: Description) -> bytes:
    return FORMATS["onnx"].container.attach(content, without_checksum(replace(description, format="onnx")))


def hostile_graphs() -> dict[str, tuple[Callable[[Description], bytes], str]]:
    from onnx import TensorProto, helper, numpy_helper

    def node(kind: str, inputs: str, output: str = "logits", **attributes: Any) -> Any:
        return helper.make_node(kind, inputs.split(), [output], **attributes)

    def numbers(name: str, *values: int) -> Any:
        return numpy_helper.from_array(np.array(values, np.int64), name)

    def of(nodes: list[Any], *tensors: Any, **fields: Any) -> Callable[[Description], bytes]:
        return lambda description: graph(nodes, list(tensors), description, **fields)

    def raw(graph: bytes) -> Callable[[Description], bytes]:
        """A file with the given bytes as its graph. Empty messages of 2 bytes take about 100 bytes in memory."""
        return lambda description: older_graph(b"\x08\x0a" + bytes_field(7, graph), description)

    outside = TensorProto(name="w", dims=[10], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="../../etc/passwd")
    empty = helper.make_graph([], "body", [], [])
    sparse = helper.make_sparse_tensor(helper.make_tensor("w", 1, [1], [1.0]), numbers("i", 0), [2**20, 2**20])
    flat = node("Flatten", "images", "x")
    zero, one, ten = numbers("zero", 0), numbers("one", 1), numbers("ten", 10)
    doublings = [node("Concat", f"x{i or ''} x{i or ''}", f"x{i + 1}", axis=0) for i in range(40)]
    return {
        "an operator that fails": (of([flat, node("Reshape", "x n")], numbers("n", 7, 11, 13)), "cannot process"),
        "an operator that does not exist": (of([node("Nothing", "images")]), "cannot be read"),
        "an output of another shape": (of([flat, node("Identity", "x")]), "has the shape [250, 784]"),
        "an output for one image": (of([node("ReduceMean", "images", keepdims=0)]), "has the shape []"),
        "an output that is not finite": (
            of([flat, node("Slice", "x zero ten one", "y"), node("Log", "y")], zero, ten, one),
            "its output contains numbers that are not finite",
        ),
        "an output of text": (of([node("Cast", "images", to=TensorProto.STRING)]), "cannot"),
        "control flow": (of([node("Loop", "m c images", body=empty)], numbers("m", 2**62)), "control flow"),
        "weights in another file": (of([node("Add", "images w")], outside), "a tensor w that is in another file"),
        "another domain": (of([node("Gelu", "images", domain="com.microsoft")]), "of the domain com.microsoft"),
        "a sparse tensor": (of([node("Identity", "w")], sparse_initializer=[sparse]), "a sparse tensor"),
        "a tensor of gigabytes": (
            of([node("Add", "images w")], TensorProto(name="w", dims=[2**40], data_type=TensorProto.FLOAT)),
            "a tensor w that is larger than the file",
        ),
        "an output of gigabytes": (of([node("ConstantOfShape", "n")], numbers("n", 2**33)), "cannot process"),
        "an output that doubles 40 times": (of([flat, *doublings, node("Identity", "x40")]), "cannot process"),
        "millions of nodes": (raw(b"\x0a\x00" * 3_000_000), "has too many nodes"),
        "millions of attributes": (raw(bytes_field(1, b"\x2a\x00" * 1_000_000)), "more than 100,000 nodes"),
        "millions of bytes of text": (raw(bytes_field(10, b" " * 5_000_000)), "a graph of more than 4,000,000 bytes"),
    }


@ONNX
@pytest.mark.parametrize("name", hostile_graphs() if INSTALLED else [])
def test_a_hostile_graph_is_refused(name: str, description: Description, refused: Callable[..., str]) -> None:
    make, message = hostile_graphs()[name]
    before = peak()
    assert message in refused(make(description))
    assert peak() - before < 900


@ONNX
def test_functions_in_a_graph_are_refused(network: nn.Module, description: Description, refused: Any) -> None:
    import onnx

    model = onnx.ModelProto.FromString(FORMATS["onnx"].save(network, description))
    model.functions.add(name="f", domain="d")
    assert "has functions of its own" in refused(older_graph(model.SerializeToString(), description))


# Files of any kind


def test_a_fifo_a_device_and_a_huge_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    for name in ("fifo", "link", "huge", "."):
        assert main(["evaluate", str(tmp_path / name)]) == 1
        assert main(["export", str(tmp_path), "--format", "csr", "--out", str(tmp_path / name)]) == 1
        assert capsys.readouterr().err.count("\n") == 2
    assert (tmp_path / "huge").stat().st_size == 2**40


# Edited run directories


def test_an_edited_run_is_not_exported(completed: Completed, capsys: pytest.CaptureFixture[str]) -> None:
    folder = completed("train.epochs=0", "finetune.epochs=0", "prune.amount=0.9")
    files = {name: (folder / name).read_bytes() for name in ("result.json", "provenance.json", "model.safetensors")}

    def refused(message: str) -> None:
        assert main(["export", str(folder), "--format", "csr"]) == 1
        assert message in capsys.readouterr().err
        assert not (folder / "export").exists()
        for name, content in files.items():
            (folder / name).write_bytes(content)

    nonzero = json.loads(files["result.json"])["params_nonzero"]
    for count in (617, nonzero - 1, nonzero + 1):
        change(folder / "result.json", params_nonzero=count)
        refused(f"result.json: params_nonzero={count:,}, but the weights have {nonzero:,}")
    change(folder / "result.json", params_total=300_000)
    refused("result.json: params_total=300,000, but the weights have 266,610")
    change(folder / "result.json", digest="ab" * 32)
    refused("result.json: its digest is not in provenance.json")
    tensors = load_file(folder / "model.safetensors")
    for name, edited in (
        ("one weight", {**tensors, "fc3.bias": tensors["fc3.bias"] + 1e-7}),
        ("another type", {name: tensor.bfloat16() for name, tensor in tensors.items()}),
        ("another tensor", {**tensors, "x": torch.zeros(1)}),
    ):
        save_file(edited, folder / "model.safetensors")
        refused("model.safetensors: does not have the hash of the weights in provenance.json")
        assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"], name
    (folder / "provenance.json").unlink()
    refused("provenance.json: is missing or does not have the hash of the weights")
    assert main(["export", str(folder), "--format", "csr"]) == 0
