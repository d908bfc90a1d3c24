"""Compilation of a C file with the compiler of this machine, its execution, and its sizes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prunesweep.errors import UsageError, printable
from prunesweep.export.protocol import NotVerified

COMPILERS = ("cc", "gcc", "clang")
WARNINGS = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")
SECONDS = 300
"""The longest time of a command."""


class CompilerFailed(NotVerified):
    """The compiler did not accept the file. The message contains its first error."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a compiled file.

    Attributes:
        text: Instructions.
        constants: Read-only data: the weights.
        memory: Working memory: static buffers.
    """

    text: int
    constants: int
    memory: int

    def named(self) -> dict[str, int]:
        """Return the sizes by the names that users see."""
        return {"text": self.text, "read-only data": self.constants, "working memory": self.memory}


def find_compiler() -> list[str] | None:
    """Return the command of the C compiler: the environment variable CC, or the first of `COMPILERS`, or None."""
    given = shlex.split(os.environ.get("CC", ""))
    if given:
        return given if shutil.which(given[0]) else None
    return next(([name] for name in COMPILERS if shutil.which(name)), None)


def compile_c(compiler: Sequence[str], source: Path, target: Path, *options: str) -> None:
    """Compile the file `source` to `target`, with all warnings as errors.

    Raises:
        CompilerFailed: The compiler does not accept the file, or does not end.
    """
    command = [*compiler, *WARNINGS, *options, str(source), "-o", str(target)]
    done = _run([*command, *([] if "-c" in options else ["-lm"])], source.parent)
    if done.returncode:
        output = (done.stderr + done.stdout).decode(errors="replace").splitlines()
        first = next((line for line in output if "error:" in line), " ".join(output[:1]) or "no message")
        raise CompilerFailed(f"{compiler[0]} does not compile it: {printable(first)[:300]}")


def execute(program: Path, *arguments: Path) -> str:
    """Return the output of a compiled program.

    Raises:
        UsageError: It fails, or does not end.
    """
    done = _run([str(program), *map(str, arguments)], program.parent)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise UsageError(f"the compiled program fails: {printable(reason)[:300]}")
    return done.stdout.decode()


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilerFailed(f"{command[0]} cannot be executed: {printable(error)}.") from error


def measure(compiled: Path) -> Sizes | None:
    """Return the sizes of an object file, from binutils' `size`, or None if this does not exist or fails."""
    tool = shutil.which("size")
    done = _run([tool, "-A", str(compiled)], compiled.parent) if tool else None
    return None if done is None or done.returncode else parse_sizes(done.stdout.decode(errors="replace"))


def parse_sizes(output: str) -> Sizes | None:
    """Return the sizes in the output of `size -A`, which has one row for each section, or None if it has no text."""
    rows = [line.split() for line in output.splitlines()]
    sections = {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[0].startswith(".") and row[1].isdigit()}

    def total(*prefixes: str) -> int:
        return sum(size for name, size in sections.items() if name.startswith(prefixes))

    return Sizes(total(".text"), total(".rodata"), total(".bss", ".data")) if ".text" in sections else None
