import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from c_files import NEEDS_COMPILER, described, images_like, sparse
from torch import nn

from prunesweep.export.c.compiler import find_compiler
from prunesweep.export.c.form import build
from prunesweep.export.c.generate import c_file
from prunesweep.export.c.idx import dump, pixels

pytestmark = NEEDS_COMPILER
DESCRIPTION = described((1, 4, 5), 3)
IMAGES = images_like(DESCRIPTION, 20)


def network() -> nn.Module:
    return sparse(nn.Sequential(nn.Flatten(), nn.Linear(20, 3)), 0.2)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("score") / "score"
    compiler = find_compiler()
    assert compiler is not None
    path.write_bytes(build(compiler, c_file(network(), DESCRIPTION).encode()))
    path.chmod(0o700)
    return path


def score(program: Path, *contents: bytes) -> subprocess.CompletedProcess[str]:
    files = [program.with_name(f"{index}.idx") for index in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return subprocess.run([program, *files], capture_output=True, text=True, check=False)


def test_the_program_prints_the_accuracy_on_idx_files(program: Path) -> None:
    classes = network()(IMAGES).argmax(1).numpy()
    labels = classes.copy()
    labels[:5] = (labels[:5] + 1) % 3
    given = pixels(IMAGES, DESCRIPTION)
    for images in (given, given[:, None], given.astype(np.float32), given.astype(np.int32)):
        for kind in (np.uint8, np.int32):
            done = score(program, dump(images), dump(labels.astype(kind)))
            assert done.stdout == "15 of 20 images are classified correctly (75.00 %)\n"
            assert done.returncode == 0


def test_without_labels_the_program_prints_the_logits(program: Path) -> None:
    done = score(program, dump(pixels(IMAGES, DESCRIPTION)))
    logits = torch.tensor([[float(value) for value in line.split()] for line in done.stdout.splitlines()])
    torch.testing.assert_close(logits, network()(IMAGES).detach(), atol=1e-5, rtol=1e-5)


GOOD = dump(pixels(IMAGES, DESCRIPTION))
LABELS = dump(np.zeros(20, np.uint8))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ((), "usage: give an IDX file with images"),
        ((b"",), "0.idx: is not an IDX file with images of 1 x 4 x 5 pixels"),
        ((GOOD[:9],), "is not an IDX file with images"),
        ((b"\0\0\x09" + GOOD[3:],), "is not an IDX file with images"),
        ((dump(np.zeros((20, 5, 4), np.uint8)),), "is not an IDX file with images"),
        ((dump(np.zeros((20, 20), np.uint8)),), "is not an IDX file with images"),
        ((LABELS,), "is not an IDX file with images"),
        ((GOOD[:-1],), "is shorter than its header says"),
        ((GOOD, LABELS[:-1]), "is shorter than its header says"),
        ((GOOD, GOOD), "1.idx: is not an IDX file with one label for each image"),
        ((GOOD, dump(np.zeros(19, np.uint8))), "is not an IDX file with one label for each image"),
    ],
)
def test_other_files_are_refused(program: Path, contents: tuple[bytes, ...], message: str) -> None:
    done = score(program, *contents)
    assert done.returncode == 2
    assert message in done.stderr
