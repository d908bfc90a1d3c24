from pathlib import Path

import pytest
from c_files import NEEDS_COMPILER

from prunesweep.errors import UsageError
from prunesweep.export.c.compiler import CompilerFailed, Sizes, compile_c, execute, find_compiler, measure, parse_sizes


def test_the_compiler_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", "env -u X cc")
    assert find_compiler() == ["env", "-u", "X", "cc"]
    monkeypatch.setenv("CC", "a-compiler-that-does-not-exist")
    assert find_compiler() is None
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler() is None
    (tmp_path / "clang").write_text("#!/bin/sh\n")
    (tmp_path / "clang").chmod(0o700)
    assert find_compiler() == ["clang"]


@NEEDS_COMPILER
def test_a_file_is_compiled_and_executed(tmp_path: Path) -> None:
    source, program = tmp_path / "x.c", tmp_path / "x"
    source.write_text('#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n')
    compiler = find_compiler()
    assert compiler is not None
    compile_c(compiler, source, program)
    assert execute(program) == "hello\n"
    compile_c(compiler, source, tmp_path / "x.o", "-c")
    sizes = measure(tmp_path / "x.o")
    assert sizes is not None
    assert sizes.text > 0
    assert sizes.memory == 0


@NEEDS_COMPILER
def test_the_first_error_of_the_compiler_is_reported(tmp_path: Path) -> None:
    source, compiler = tmp_path / "x.c", find_compiler()
    assert compiler is not None
    source.write_text("int f(void) { int unused; return nothing; }\n")
    with pytest.raises(CompilerFailed, match=r"does not compile it: .*x.c:1:.* error: .*(nothing|unused)"):
        compile_c(compiler, source, tmp_path / "x.o", "-c")
    with pytest.raises(CompilerFailed, match=r"/nowhere/cc cannot be executed"):
        compile_c(["/nowhere/cc"], source, tmp_path / "x.o", "-c")
    source.write_text('#include <stdio.h>\nint main(void) { fputs("why\\n", stderr); return 2; }\n')
    compile_c(compiler, source, tmp_path / "x")
    with pytest.raises(UsageError, match="the compiled program fails: why"):
        execute(tmp_path / "x")


def test_the_sizes_of_sections() -> None:
    output = (
        "x.o  :\nsection  size  addr\n.text  100  0\n.text.startup  20  0\n.data  0  0\n.bss  4000  0\n"
        ".rodata  300  0\n.rodata.cst4  8  0\n.comment  32  0\nTotal  4460\n"
    )
    assert parse_sizes(output) == Sizes(120, 308, 4000)
    assert Sizes(120, 308, 4000).named() == {"text": 120, "read-only data": 308, "working memory": 4000}
    assert parse_sizes("Mach-O\n") is None
