"""Fixtures for the tests of this folder."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """A function that writes files below `tmp_path/NAME` and makes only them importable until the test ends."""
    path = list(sys.path)

    def make(files: Mapping[str, str], name: str = "project") -> Path:
        for file, text in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
        forget()
        monkeypatch.setattr(sys, "path", [str(tmp_path / name), *path])
        importlib.invalidate_caches()
        return tmp_path / name

    def forget() -> None:
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]

    yield make
    forget()
