"""Mutations of valid files, for `fuzz.py`: random edits of bytes, and edits that respect the syntax of a file.

Edits of a tree of values insert text that the libraries would not write themselves: numbers beyond 64 bits, deep
nesting, YAML aliases. For this purpose a marker is written, and replaced in the text.
"""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import yaml

Mutation = Callable[[bytes, Random], bytes]
"""Returns a changed copy of the content of a file."""

MARKER = "c0ffee-marker"
TOKENS = (
    *(b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"{", b"}", b"[", b"]", b'"', b"\\", b":", b",", b"-", b"\n"),
    *(b"1e999", b"NaN"),
)
NUMBERS = (
    *("0", "-1", "1", "0.5", "-0.0", "1e999", "1e-999", "9223372036854775808", "4294967297"),
    *("1" * 400, "9" * 5_000),
)
JSON_TEXTS = (
    *NUMBERS,
    *("null", "true", "[]", "{}", '""', "NaN", "-Infinity", '"\\ud800"', '"\\u001b[2J"', '"=1+1"', '"../../x"'),
    *('"$x_{"', '"${oc.env:HOME}"', '"/dev/zero"', '{"a": {"a": 1}, "a": 2}', "[[[[1]]], {}]", "[1, null, true]"),
    *("[" * 100_000 + "]" * 100_000, '{"a":' * 2_000 + "1" + "}" * 2_000, "[" + "1," * 100_000 + "1]"),
)
YAML_TEXTS = (
    *NUMBERS,
    *("null", "yes", "[]", "{}", "''", ".nan", "-.inf", '"\\e[2J"', "2026-01-01", "0x" + "f" * 400, "1:1" * 500),
    *("*missing", "&a [*a]", "&b {c: *b}", "{<<: {a: 1}}", "? [1]", "!!python/object/apply:os.getpid []", "!!binary x"),
    *("!!set {a}", "!!int x", "!!float 1_", "'=1+1'", "../../x", "'${oc.env:HOME}'", "'${seed}'", "'${train}'", "'${'"),
    *("'${oc.decode:1}'", "{_target_: os.getpid}", "os.getpid", "/dev/zero", "'\\ud800'", '"\\ud800"', "{1: 2}"),
    *("[" * 500 + "]" * 500, "{a: " * 300 + "1" + "}" * 300, "[" + "1, " * 20_000 + "1]"),
    "[&a0 [1], " + ", ".join(f"&a{n} [" + f"*a{n - 1}, " * 9 + "]" for n in range(1, 12)) + "]",
)
CELLS: tuple[Any, ...] = (
    *(None, -1, 2**63 - 1, 1e300, b"\xff"),
    *("", "x", "{}", "[]", "null", '"x"', "COMPLETE", "RUNNING"),
)


def mutate_bytes(content: bytes, draw: Random) -> bytes:
    """Change one to four places: flip bits, insert, remove, repeat, truncate."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4))):
        start = draw.randint(0, len(data))
        end = min(len(data), start + draw.choice((1, 2, 8, 64, 4_096)))
        edit = draw.randrange(8)
        if edit == 0 and start < len(data):
            data[start] ^= 1 << draw.randrange(8)
        elif edit == 1 and start < len(data):
            data[start] = draw.randrange(256)
        elif edit == 2:
            data[start:start] = draw.randbytes(end - start)
        elif edit == 3:
            data[start:start] = draw.choice(TOKENS)
        elif edit == 4:
            del data[start:end]
        elif edit == 5:
            data[start:start] = data[start:end] * draw.choice((1, 3, 1_000))
        elif edit == 6:
            del data[start:]
        else:  # splice: a part of the content at another place
            place = draw.randint(0, len(data))
            data[place : place + end - start] = data[start:end]
    return bytes(data)


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in `tree` with each of its keys or indices."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _nodes(value)


def _edit_tree(tree: Any, draw: Random) -> None:
    """Change one node in place: replace, remove, copy or rename it."""
    places = list(_nodes(tree)) if isinstance(tree, dict | list) else []
    if not places:
        return
    parent, key = draw.choice(places)
    edit = draw.randrange(6)
    if edit == 0:
        del parent[key]
    elif edit == 1:
        other, name = draw.choice(places)
        parent[key] = json.loads(json.dumps(other[name], default=str))
    elif edit == 2 and isinstance(parent, dict):
        parent[draw.choice((MARKER, "x", "", key + "x" if isinstance(key, str) else "x"))] = parent.pop(key)
    elif edit == 3 and type(parent[key]) in (int, float):
        parent[key] = draw.choice((-parent[key], parent[key] + 1, parent[key] * 1_000, str(parent[key]), 2**31, 2**63))
    else:
        parent[key] = MARKER


def _with_texts(content: bytes, quoted: Sequence[str], texts: Sequence[str], draw: Random) -> bytes:
    """Replace the marker, quoted or not, by one of `texts`."""
    inserted = draw.choice(texts).encode("utf-8", "surrogatepass")
    for quote in quoted:
        content = content.replace(f"{quote}{MARKER}{quote}".encode(), inserted)
    return content


def mutate_json(content: bytes, draw: Random) -> bytes:
    """Change up to three nodes of a JSON document."""
    tree = json.loads(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        _edit_tree(tree, draw)
    return _with_texts(json.dumps(tree).encode(), ('"',), JSON_TEXTS, draw)


def mutate_yaml(content: bytes, draw: Random) -> bytes:
    """Change up to three nodes of a YAML document."""
    tree = yaml.safe_load(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        _edit_tree(tree, draw)
    return _with_texts(yaml.safe_dump(tree, sort_keys=False).encode(), ("'", ""), YAML_TEXTS, draw)


def mutate_database(content: bytes, draw: Random) -> bytes:
    """Change up to three cells or rows of an SQLite database."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "db"
        path.write_bytes(content)
        connection = sqlite3.connect(path)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for _ in range(draw.choice((1, 1, 2, 3))):
            table = draw.choice(tables)
            rows = connection.execute(f'SELECT rowid, * FROM "{table}"').fetchall()
            if rows:
                columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
                _edit_row(connection, table, columns, draw.choice(rows), draw)
            elif draw.random() < 0.1:
                connection.execute(f'DROP TABLE "{table}"')
        connection.commit()
        connection.close()
        return path.read_bytes()


def _edit_row(connection: sqlite3.Connection, table: str, columns: Sequence[str], row: Any, draw: Random) -> None:
    column = draw.randrange(len(columns))
    value, edit = row[1 + column], draw.randrange(6)
    try:
        if edit == 0:
            connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (row[0],))
            return
        if isinstance(value, str) and value[:1] in ("{", "[", '"'):
            value = mutate_json(value.encode(), draw).decode("utf-8", "replace")
        elif isinstance(value, int | float) and edit < 4:
            value = draw.choice((-value, value + 1, value * 1_000, 0))
        else:
            value = draw.choice(CELLS)
        connection.execute(f'UPDATE "{table}" SET "{columns[column]}" = ? WHERE rowid = ?', (value, row[0]))
    except (sqlite3.Error, OverflowError, ValueError):
        return  # a constraint of the table, or a value that SQLite cannot store


def mutate_safetensors(content: bytes, draw: Random) -> bytes:
    """Change the header, or single numbers of the tensors, of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    header, tensors = content[8 : 8 + length], content[8 + length :]
    if draw.random() < 0.5:
        header = mutate_json(header, draw)
    else:
        data = bytearray(tensors)
        for _ in range(draw.choice((1, 8, 512))):
            data[draw.randrange(len(data))] = draw.choice((0, 1, 127, 128, 255, draw.randrange(256)))
        tensors = bytes(data)
    return len(header).to_bytes(8, "little") + header + tensors


def mutate_zip(content: bytes, draw: Random) -> bytes:
    """Write an archive again with changed, repeated, compressed or enlarged members."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(result, "w") as after:
        members = [(info.filename, before.read(info)) for info in before.infolist()]
        chosen = draw.randrange(len(members))
        name, data = members[chosen]
        edit = draw.randrange(5)
        if edit == 0:
            members[chosen] = (name, mutate_bytes(data, draw))
        elif edit == 1:
            members[chosen] = (name, bytes(50_000_000))
        elif edit == 2:
            members[chosen] = (draw.choice((f"../../{name}", f"/{name}", "x" * 1_000, "")), data)
        elif edit == 3:
            del members[chosen]
        else:
            members += [(f"{number}", b"") for number in range(draw.choice((1, 20_000)))]
        kind = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
        for member, payload in members:
            after.writestr(member, payload, kind)
    return result.getvalue()


def mutate_onnx(content: bytes, draw: Random) -> bytes:
    """Change one to three fields of the messages in an ONNX model."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        fields = list(_fields(model))
        parent, field, _ = draw.choice(fields)
        _edit_field(parent, field, draw)
    return bytes(model.SerializeToString())


def _fields(message: Any) -> Iterator[tuple[Any, Any, Any]]:
    for field, value in message.ListFields():
        yield message, field, value
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                yield from _fields(child)


def _edit_field(parent: Any, field: Any, draw: Random) -> None:
    value, edit = getattr(parent, field.name), draw.randrange(4)
    try:
        if edit == 0:
            parent.ClearField(field.name)
        elif field.message_type is not None:
            if field.is_repeated and len(value):
                value.add().CopyFrom(draw.choice(list(value)))
        elif field.is_repeated:
            value[draw.randrange(len(value))] = draw.choice((-1, 0, 1, 7, 2**31 - 1, 2**62))
        elif isinstance(value, bytes):
            setattr(parent, field.name, mutate_bytes(value, draw))
        elif isinstance(value, str):
            setattr(parent, field.name, draw.choice(("", "Conv", "Loop", "If", "Gemm", "Identity", "x", value[::-1])))
        else:
            setattr(parent, field.name, draw.choice((-1, 0, 1, 2, 3, 2**31 - 1, -(2**31))))
    except (TypeError, ValueError):
        return  # the field does not accept this value


def one_of(*mutations: Mutation) -> Mutation:
    """Return a mutation that applies one of `mutations`, or if the content does not have its syntax, edits bytes."""

    def mutate(content: bytes, draw: Random) -> bytes:
        try:
            return draw.choice(mutations)(content, draw)
        except Exception:  # atheris combines mutations, so the content may be damaged already
            return mutate_bytes(content, draw)

    return mutate
