"""Find the files of a data set, verify their checksums, and download missing ones."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import sys
import tempfile
import zlib
from functools import lru_cache
from pathlib import Path

from prunesweep.data.sources import SOURCES, DataFile, Source
from prunesweep.errors import UsageError

BLOCK, MAX_BLOCKS = 2**20, 4_096
"""Files are hashed in blocks of this many bytes, up to this many blocks."""

READ_BY_TORCHVISION = ("cifar10", "torchvision")
"""Formats whose readers use a class of torchvision."""


def place(source: Source, file: DataFile, folder: Path) -> Path | None:
    """Return the path of `file`, one of the files of `source`, below `folder`, or None if it is not there.

    It may be at its path in torchvision's layout or directly in `folder`, and as an archive with the suffix `.gz`.
    Files that torchvision reads must be at their paths.
    """
    if source.format in READ_BY_TORCHVISION:
        return folder / file.path if (folder / file.path).is_file() else None
    for path in (folder / file.path, folder / Path(file.path).name):
        for candidate in (path, path.with_name(f"{path.name}.gz")):
            if candidate.is_file():
                return candidate
    return None


def places(source: Source, folder: Path) -> list[Path]:
    """Return the path of each file of `source` below `folder`. A file that is missing has its usual path."""
    return [place(source, file, folder) or folder / file.path for file in source.files]


@lru_cache(maxsize=64)
def _hash(algorithm: str, path: Path, unpack: bool, size: int, modified: int) -> str:  # noqa: ARG001  a changed file is another entry
    result = hashlib.new(algorithm, usedforsecurity=False)
    with gzip.open(path) if unpack else path.open("rb") as file:
        for _ in range(MAX_BLOCKS):
            block = file.read(BLOCK)
            if not block:
                return result.hexdigest()
            result.update(block)
    raise UsageError(f"{path}: has more than {MAX_BLOCKS * BLOCK:,} bytes when unpacked.")


def checksums(name: str, folder: Path) -> list[str]:
    """Return the SHA-256 of each file of the data set `name` in `folder`. An archive counts by its content.

    Raises:
        UsageError: the size or the content of a file is not as expected.
    """
    source = SOURCES[name]
    return [
        _checksum(file, path, source.remedy) for file, path in zip(source.files, places(source, folder), strict=True)
    ]


def _checksum(file: DataFile, path: Path, remedy: str) -> str:
    stat = path.stat()
    unpack = path.suffix == ".gz" and not file.path.endswith(".gz")
    if file.size is not None and not unpack and stat.st_size != file.size:
        fault = f"is {stat.st_size:,} bytes long, expected {file.size:,}"
        raise UsageError(f"{path}: {fault}. The file is damaged. {remedy}")
    try:
        if file.checksum is not None:
            algorithm, _, expected = file.checksum.partition(":")
            actual = _hash(algorithm, path, unpack, stat.st_size, stat.st_mtime_ns)
            if actual != expected:
                label = {"sha256": "SHA-256", "md5": "MD5"}[algorithm]
                raise UsageError(
                    f"{path}: has {label} {actual}, expected {expected}. {_explain(file, actual)} {remedy}"
                )
        return _hash("sha256", path, unpack, stat.st_size, stat.st_mtime_ns)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: cannot be unpacked ({error}). The file is damaged. {remedy}") from error


def _explain(file: DataFile, actual: str) -> str:
    """Return what is wrong with a file at the place of `file` whose hash is `actual`."""
    for name, source in SOURCES.items():
        for other in source.files:
            if other != file and (other.checksum or "").endswith(f":{actual}"):
                return f"It is a file of dataset={name}."
    return "The file is damaged."


def download_missing(name: str, folder: Path) -> None:
    """Download the files of the data set `name` that are missing in `folder`.

    Files are downloaded to a temporary folder and moved, so that `folder` never holds a partial file.

    Raises:
        UsageError: the download failed. The message lists the files and where to place them.
    """
    source = SOURCES[name]
    missing = [file.path for file in source.files if place(source, file, folder) is None]
    if not missing:
        return
    if source.torchvision is None:
        raise UsageError(f"{folder / missing[0]}: is missing. {source.remedy}")
    from torchvision import datasets

    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    download = getattr(datasets, source.torchvision)
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=".prunesweep-") as temporary:
            with contextlib.redirect_stdout(sys.stderr):
                for arguments in source.arguments:
                    download(temporary, **arguments, download=True)
            for path in missing:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(temporary) / path, folder / path)
    except Exception as error:  # torchvision raises URLError, RuntimeError and several kinds of OSError
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise UsageError(
            f"dataset.root={folder}: {name} is not there and cannot be downloaded ({reason}). "
            f"Place these files: {', '.join(str(folder / path) for path in missing)}. "
            "Or set dataset.root, or the environment variable PRUNESWEEP_DATA, to the folder that contains them."
        ) from error
