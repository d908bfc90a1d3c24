"""`c`: one portable C99 file. Loading it compiles and executes it, so such a file is code and requires trust."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from prunesweep.export.c.compiler import compile_c, execute, find_compiler, measure
from prunesweep.export.c.container import C_FILE
from prunesweep.export.c.generate import HEADER_MARK, c_file, header
from prunesweep.export.c.idx import dump, pixels
from prunesweep.export.c.integer import integer_file
from prunesweep.export.c.scoring import SWITCH
from prunesweep.export.description import Description
from prunesweep.export.invalid import InvalidFile
from prunesweep.export.protocol import FLOAT32, INT8, Companion, Executes, Format, Network
from prunesweep.quantization.integer import IntegerNetwork

NO_COMPILER = "there is no C compiler (cc, gcc, clang, or the command in the environment variable CC)"


def save(model: nn.Module, description: Description) -> bytes:
    """Return a file with `model` as C text: integers if it computes with integers."""
    text = integer_file(model, description) if isinstance(model, IntegerNetwork) else c_file(model, description)
    return text.encode()


def load(content: bytes, description: Description) -> Network:
    """Return the network in a file, which is compiled for each batch of images. Executes the file.

    Raises:
        InvalidFile: This machine has no C compiler.
        CompilerFailed: The compiler does not accept the file.
    """
    compiler = find_compiler()
    if compiler is None:
        raise InvalidFile(f"cannot be executed: {NO_COMPILER}")
    built = build(compiler, content)

    def network(images: Tensor) -> Tensor:
        return run(built, images, description)

    return network


def build(compiler: Sequence[str], content: bytes, *options: str) -> bytes:
    """Return the compiled program that scores images."""
    with tempfile.TemporaryDirectory() as name:
        source, program = Path(name) / "model.c", Path(name) / "model"
        source.write_bytes(content)
        compile_c(compiler, source, program, "-O2", f"-D{SWITCH}", *options)
        return program.read_bytes()


def run(program: bytes, images: Tensor, description: Description) -> Tensor:
    """Return the logits `[n, classes]` that a compiled program prints for normalized images."""
    with tempfile.TemporaryDirectory() as name:
        path, file = Path(name) / "model", Path(name) / "images.idx"
        path.write_bytes(program)
        path.chmod(0o700)
        file.write_bytes(dump(pixels(images, description)))
        text = execute(path, file)
    logits = np.array([line.split() for line in text.splitlines()], dtype=np.float32)
    return torch.from_numpy(logits)


def sizes(content: bytes) -> dict[str, int]:
    """Return the sizes of the compiled file without its program by name, none if they cannot be measured here."""
    compiler = find_compiler()
    if compiler is None:
        return {}
    with tempfile.TemporaryDirectory() as name:
        source, compiled = Path(name) / "model.c", Path(name) / "model.o"
        source.write_bytes(content)
        compile_c(compiler, source, compiled, "-O2", "-c")
        found = measure(compiled)
    return found.named() if found else {}


def _obstacle() -> str | None:
    return None if find_compiler() else NO_COMPILER


FORMAT = Format(
    "c",
    ".c",
    exact=False,
    executes=Executes.FILE,
    container=C_FILE,
    save=save,
    load=load,
    dtypes=(FLOAT32, INT8),
    obstacle=_obstacle,
    sizes=sizes,
    companion=Companion(".h", lambda description: header(description).encode(), HEADER_MARK.encode()),
)
