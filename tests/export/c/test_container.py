import json
import shutil
import subprocess

import pytest
from c_files import NEEDS_COMPILER, described

from prunesweep.export.c.container import C_FILE


def test_the_description_is_a_comment_in_the_first_line() -> None:
    bare = b"int x;\n"
    content = C_FILE.attach(bare, '{"a": 1}')
    assert content == b'/* prunesweep: {"a": 1} */\nint x;\n'
    assert C_FILE.recognizes(content[:9])
    assert not C_FILE.recognizes(bare)
    assert C_FILE.read(content) == b'{"a": 1}'
    assert C_FILE.content_hash(content) == C_FILE.content_hash(bare)
    assert C_FILE.content_hash(content + b" ") != C_FILE.content_hash(bare)


@pytest.mark.parametrize("content", [b"", b"/* prunesweep: ", b"/* prunesweep: {}", b"/* prunesweep: {}\n */\n"])
def test_a_damaged_first_line_is_not_a_description(content: bytes) -> None:
    assert C_FILE.read(content) is None


HOSTILE = "*/ int x; /* ??/ ??= \\ \n é"


@NEEDS_COMPILER
def test_names_cannot_end_the_comment(tmp_path) -> None:  # type: ignore[no-untyped-def]
    text = described(model={"name": "custom", "target": HOSTILE}).dumps("ab" * 32)
    content = C_FILE.attach(b"int x;\n", text)
    described_again = C_FILE.read(content)
    assert described_again is not None
    assert json.loads(described_again)["model"]["target"] == HOSTILE
    (tmp_path / "x.c").write_bytes(content)
    command = [shutil.which("cc") or "gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", "x.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
