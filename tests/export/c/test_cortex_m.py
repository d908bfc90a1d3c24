"""C files on an emulated Cortex-M: the boards that QEMU calls mps2-an385 and mps2-an386."""

import subprocess
from pathlib import Path

import pytest
import torch
from c_files import NEEDS_ARM, described, images_like, integers, sparse
from torch import Tensor

from prunesweep.export.c.compiler import WARNINGS
from prunesweep.export.c.generate import c_file
from prunesweep.export.c.idx import dump, pixels
from prunesweep.export.c.integer import integer_file
from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5

HERE = Path(__file__).parent / "cortex_m"
CORES = {
    "an385": ("-mcpu=cortex-m3",),
    "an386": ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
}


def execute(folder: Path, board: str, text: str, images: bytes) -> Tensor:
    """The logits that the program in `text` prints on an emulated board."""
    (folder / "model.c").write_text(text)
    (folder / "images.idx").write_bytes(images)
    machine = ["-mthumb", *CORES[board], "-T", str(HERE / "mps2.ld"), "--specs=rdimon.specs"]
    command = ["arm-none-eabi-gcc", *WARNINGS, "-O2", "-DPRUNESWEEP_MAIN", *machine, "model.c"]
    subprocess.run([*command, str(HERE / "startup.c"), "-o", "model.elf", "-lm"], cwd=folder, check=True)
    files = "enable=on,target=native,arg=model,arg=images.idx"
    emulator = ["qemu-system-arm", "-M", f"mps2-{board}", "-nographic", "-semihosting-config", files]
    done = subprocess.run(
        [*emulator, "-kernel", "model.elf"], cwd=folder, capture_output=True, text=True, timeout=300, check=True
    )
    return torch.tensor([[float(value) for value in line.split()] for line in done.stdout.splitlines()])


@NEEDS_ARM
@pytest.mark.parametrize("board", CORES)
def test_a_cortex_m_computes_the_same_integers(board: str, tmp_path: Path) -> None:
    network, description = sparse(build(LeNet5(), (1, 28, 28), 10), 0.9), described()
    images = images_like(description, 20)
    program = integers(network, images)
    actual = execute(tmp_path, board, integer_file(program, description), dump(pixels(images, description)))
    assert torch.equal(actual, program(images))


@NEEDS_ARM
@pytest.mark.parametrize("board", CORES)
def test_a_cortex_m_computes_the_same(board: str, tmp_path: Path) -> None:
    network, description = sparse(build(LeNet5(), (1, 28, 28), 10), 0.9), described()
    images = images_like(description, 20)
    expected = network(images).detach()
    actual = execute(tmp_path, board, c_file(network, description), dump(pixels(images, description)))
    torch.testing.assert_close(actual, expected, atol=2e-5, rtol=2e-5)
    assert torch.equal(actual.argmax(1), expected.argmax(1))
