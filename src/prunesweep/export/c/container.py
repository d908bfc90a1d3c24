"""C files with a description: a comment in their first line."""

from __future__ import annotations

from prunesweep.export.protocol import Container
from prunesweep.files import sha256

BEGIN, END = b"/* prunesweep: ", b" */\n"

ESCAPES = {"*": "\\u002a", "?": "\\u003f"}
"""Characters of comments and trigraphs -> the same characters in JSON, where they occur in texts only."""


def _read(content: bytes) -> bytes | None:
    first, newline, _ = content.partition(b"\n")
    line = first + newline
    return line[len(BEGIN) : -len(END)] if line.startswith(BEGIN) and line.endswith(END) else None


def _attach(content: bytes, text: str) -> bytes:
    escaped = "".join(ESCAPES.get(char, char) for char in text)
    return BEGIN + escaped.encode() + END + content


def _content_hash(content: bytes) -> str:
    return sha256(content if _read(content) is None else content.partition(b"\n")[2])


C_FILE = Container(
    recognizes=lambda head: head == BEGIN[: len(head)] and len(head) == 9,
    read=_read,
    attach=_attach,
    content_hash=_content_hash,
)
