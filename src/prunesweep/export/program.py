"""`torch`: a `torch.export` program for any batch size, which does not need the class of the network.

Loading a program unpickles parts of it, so such a file is code and requires trust. The file is a zip archive without
compression, so that it never unpacks to more than its size.
"""

from __future__ import annotations

import zipfile
from io import BytesIO

import torch
from torch import nn

from prunesweep.export.description import KEY, Description
from prunesweep.export.invalid import InvalidFile
from prunesweep.export.protocol import Container, Executes, Format
from prunesweep.files import canonical, sha256

DESCRIPTION_FILE = f"extra/{KEY}.json"
MAX_MEMBERS = 10_000


def save(model: nn.Module, description: Description) -> bytes:
    """Return a file with the program of `model`."""
    images = torch.zeros(2, *description.shape)  # a batch of one image would become a constant batch size
    program = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    content = BytesIO()
    torch.export.save(program, content)
    return content.getvalue()


def load(content: bytes, _: Description) -> nn.Module:
    """Return the program in a file as a module. Executes code in the file."""
    return torch.export.load(BytesIO(content)).module()


def _archive(content: bytes) -> zipfile.ZipFile:
    """Return the archive, whose members together are not larger than the file.

    Raises:
        InvalidFile: Members are compressed, overlap or have the same name, or there are too many.
        BadZipFile: The content is damaged.
    """
    if content.count(b"PK\x01\x02") > MAX_MEMBERS:  # the entries of the directory, before any is parsed
        raise InvalidFile(f"has more than {MAX_MEMBERS:,} members")
    archive = zipfile.ZipFile(BytesIO(content))
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InvalidFile("has compressed members, which programs written by prunesweep do not have")
    if sum(member.file_size for member in members) > len(content):
        raise InvalidFile("declares members that are together larger than the file")
    if len(set(archive.namelist())) < len(members):
        raise InvalidFile("has two members with the same name")
    return archive


def _is_description(name: str) -> bool:
    return name.partition("/")[2] == DESCRIPTION_FILE


def _read(content: bytes) -> bytes | None:
    with _archive(content) as archive:
        member = next(filter(_is_description, archive.namelist()), None)
        return archive.read(member) if member else None


def _attach(content: bytes, text: str) -> bytes:
    result = BytesIO(content)
    with zipfile.ZipFile(result, "a") as archive:
        root = archive.namelist()[0].partition("/")[0]
        archive.writestr(zipfile.ZipInfo(f"{root}/{DESCRIPTION_FILE}"), text)
    return result.getvalue()


def _content_hash(content: bytes) -> str:
    with _archive(content) as archive:
        names = sorted(name for name in archive.namelist() if not _is_description(name))
        return sha256(canonical([[name, sha256(archive.read(name))] for name in names]))


ARCHIVE = Container(
    recognizes=lambda head: head.startswith(b"PK\x03\x04"), read=_read, attach=_attach, content_hash=_content_hash
)

FORMAT = Format("torch", ".pt2", exact=False, executes=Executes.FILE, container=ARCHIVE, save=save, load=load)
