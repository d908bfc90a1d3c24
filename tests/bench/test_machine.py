from importlib.metadata import version

import pytest
from c_files import NEEDS_COMPILER

from prunesweep.bench.machine import machine
from prunesweep.export.c.compiler import find_compiler


@NEEDS_COMPILER
def test_the_processor_and_all_versions_are_named() -> None:
    found = machine()
    compiler = find_compiler()
    assert found["torch"] == version("torch")
    assert found["processor"].endswith(" cores")
    assert compiler is not None
    assert len(found["C compiler"]) >= len(compiler[0])


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunesweep.bench.machine.PACKAGES", ("no-such-package",))
    monkeypatch.setenv("CC", "no-such-compiler")
    assert list(machine()) == ["processor"]
