"""The packed format: its file, and the reader in C against the writer in Python."""

import json
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

pytest.importorskip("constriction")

from prunesweep.errors import UsageError
from prunesweep.export import packed
from prunesweep.export.description import Description
from prunesweep.export.formats import load, pack, parse
from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5Caffe
from prunesweep.models.tensors import own_tensors

C = Path(packed.__file__).parent / "c" / "packed.c"
COMPILER = shutil.which("cc")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror", "-O2")
PATH = Path("model.packed")

DESCRIPTION = Description(
    format="packed",
    model={"name": "lenet5_caffe", "conv_relu": True},
    dataset="mnist",
    shape=[1, 28, 28],
    mean=[0.1307],
    std=[0.3081],
    validation=5_000,
    test_accuracy=0.9901,
    params_total=431_080,
    params_nonzero=1_000,
    digest="ab" * 32,
)


def network(kept: float = 0.0025, entries: int = 16) -> nn.Module:
    """Return Caffe's LeNet with about 1,000 weights that share 16 values."""
    torch.manual_seed(0)
    model = build(LeNet5Caffe(conv_relu=True), (1, 28, 28), 10).eval()
    book = torch.randn(entries).half().float()
    with torch.no_grad():
        for parameter in model.parameters():
            values = book[torch.randint(entries, parameter.shape)]
            parameter.copy_(torch.where(torch.rand(parameter.shape) < kept, values, 0.0))
    return model


CONTENT = pack(packed.FORMAT, network(), DESCRIPTION)


def test_the_network_is_read_back_bit_for_bit() -> None:
    export = parse(PATH, CONTENT)
    found = load(export, trust=False)
    assert isinstance(found, nn.Module)
    for name, tensor in own_tensors(network()).items():
        assert own_tensors(found)[name].detach().numpy().tobytes() == tensor.detach().numpy().tobytes()
    described = replace(export.description, checksum=None)
    assert described == replace(DESCRIPTION, digest=DESCRIPTION.digest[:16])


def test_a_thousand_weights_in_random_places_take_about_two_bytes_each() -> None:
    """A trained network, whose dead units are clean, needs less: docs/quantization.md."""
    kept = sum(int((parameter != 0).sum()) for parameter in network().parameters())
    assert len(CONTENT) < 2.1 * kept + 60


def test_buffers_that_are_not_float32_are_kept() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    model(torch.randn(4, 1, 5, 5))
    expected = own_tensors(model)
    found = packed.unpack(packed.save(model.eval(), DESCRIPTION), expected)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert found["1.num_batches_tracked"] == 1


@pytest.mark.parametrize("length", [3, 6, 7, 12, 20, 40, len(CONTENT) - 1])
def test_truncated_files_are_refused_with_one_message(length: int) -> None:
    with pytest.raises(UsageError, match=r"^model.packed: (is incomplete|does not have the checksum in it)[^\n]*$"):
        parse(PATH, CONTENT[:length])


def with_checksum(rest: bytes) -> bytes:
    """Return a file with the right checksum, as someone could make it on purpose."""
    return packed.MAGIC + zlib.crc32(rest).to_bytes(4, "little") + rest


SMALL = pack(
    packed.FORMAT,
    nn.Sequential(nn.Flatten(), nn.Linear(4, 2)),
    replace(DESCRIPTION, model={"name": "custom", "target": "torch.nn.Flatten", "kwargs": {}}),
)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_changed_files_are_refused_or_read(data: st.DataObject) -> None:
    content = bytearray(SMALL[packed.START :])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        parse(PATH, with_checksum(changed))
    except UsageError:
        return
    expected = own_tensors(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    try:
        found = packed.unpack(changed, expected)
    except ValueError:
        return
    assert found.keys() == expected.keys()


def test_networks_that_are_too_large_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_VALUES", 100)
    with pytest.raises(UsageError, match="--format=packed: the network has 431,080 values, the format allows 100"):
        packed.save(network(), DESCRIPTION)
    with pytest.raises(UsageError, match="model.packed: describes a network of 431,080 values, more than 100"):
        load(parse(PATH, CONTENT), trust=False)


Compile = Callable[..., Path]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    if COMPILER is None:
        pytest.skip("no C compiler")

    def build(*arguments: str) -> Path:
        program = tmp_path_factory.mktemp("c") / "program"
        subprocess.run([COMPILER, *STRICT, *arguments, "-o", str(program)], check=True)
        return program

    return build


def tensors_of(model: nn.Module) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {name: tensor.detach().numpy() for name, tensor in own_tensors(model).items()}


@pytest.mark.parametrize("entries", [1, 16, 300])
def test_the_reader_in_c_reads_the_same_bits(entries: int, compiled: Compile, tmp_path: Path) -> None:
    """With one codebook for the network, and with codebooks of layers and values without a codebook."""
    model = network(0.02, entries)
    with torch.no_grad():
        model.get_parameter("conv1.weight").mul_(1e-6)  # not exact as float16
        model.get_parameter("fc2.weight")[0, :2] = torch.tensor([-0.0, 2.0**-24])
    file = tmp_path / "model.packed"
    file.write_bytes(pack(packed.FORMAT, model, DESCRIPTION))
    tensors = tensors_of(model)
    shapes = ["x".join(map(str, tensor.shape)) for tensor in tensors.values()]
    reader = compiled("-DPACKED_MAIN", str(C))
    done = subprocess.run([str(reader), str(file), *shapes], capture_output=True, check=True)
    assert done.stdout == b"".join(tensor.tobytes() for tensor in tensors.values())
    file.write_bytes(file.read_bytes()[:-1])
    done = subprocess.run([str(reader), str(file), *shapes], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{file}: the file is incomplete or was changed.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs AddressSanitizer")
def test_the_reader_in_c_survives_any_file(compiled: Compile, tmp_path: Path) -> None:
    """Change 2,000 files at random, with right checksums, under AddressSanitizer and UndefinedBehaviorSanitizer."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 5), nn.Linear(5, 3))
    file = tmp_path / "model.packed"
    file.write_bytes(pack(packed.FORMAT, model, DESCRIPTION))
    fuzz = compiled("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", str(FUZZ))
    done = subprocess.run([str(fuzz), str(file), "2000"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read, refused = json.loads(done.stdout)
    assert read + refused == 2_000
    assert read > 100
    assert refused > 100


FUZZ = Path(__file__).parent / "fuzz_packed.c"
