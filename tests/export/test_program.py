import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
import torch
from torch import nn

from prunesweep.export import program
from prunesweep.export.description import Description
from prunesweep.export.invalid import InvalidFile


def test_the_program_and_its_description_are_read_back(network: nn.Module, description: Description) -> None:
    bare = program.save(network, description)
    content = program.ARCHIVE.attach(bare, "text")
    assert program.ARCHIVE.read(content) == b"text"
    assert program.ARCHIVE.read(bare) is None
    assert program.ARCHIVE.content_hash(content) == program.ARCHIVE.content_hash(bare)
    loaded = program.load(content, description)
    for number in (1, 7):
        images = torch.randn(number, 1, 28, 28)
        torch.testing.assert_close(loaded(images), network(images))


def archive(*members: str, size: int = 10, compression: int = zipfile.ZIP_STORED) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for member in members:
            file.writestr(member, b" " * size)
    return content.getvalue()


def test_another_zip_file_does_not_have_a_description() -> None:
    assert program.ARCHIVE.read(archive("x")) is None


def test_the_hash_depends_on_names_and_contents() -> None:
    contents = [archive("a", "b"), archive("a", "c"), archive("a", "b", size=11), archive("a")]
    assert len({program.ARCHIVE.content_hash(content) for content in contents}) == len(contents)


def overlapping() -> bytes:
    """An archive whose directory lists the same member of 1,000 bytes twice, under different names."""
    content = archive("a/0", "a/1", size=1_000)
    first, second = content.index(b"PK\x03\x04"), content.rindex(b"PK\x03\x04")
    cut = content[:second] + content[content.index(b"PK\x01\x02") :]
    shift = len(content) - len(cut)
    directory, end = cut.rindex(b"PK\x01\x02"), cut.index(b"PK\x05\x06")
    result = bytearray(cut)
    result[directory + 42 : directory + 46] = first.to_bytes(4, "little")
    start = int.from_bytes(cut[end + 16 : end + 20], "little") - shift
    result[end + 16 : end + 20] = start.to_bytes(4, "little")
    return bytes(result)


def repeated() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return archive("a/b", "a/b")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: archive("a/b", size=50_000_000, compression=zipfile.ZIP_DEFLATED), "has compressed members"),
        (overlapping, "together larger than the file"),
        (repeated, "two members with the same name"),
        (lambda: archive("a/b") + b"PK\x01\x02" * 10_001, "more than 10,000 members"),
    ],
)
def test_an_archive_that_unpacks_to_more_than_its_size_is_refused(make: Callable[[], bytes], message: str) -> None:
    content = make()
    for function in (program.ARCHIVE.read, program.ARCHIVE.content_hash):
        with pytest.raises(InvalidFile, match=message):
            function(content)
