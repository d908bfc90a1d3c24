import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from prunesweep.files import canonical, read_regular, sha256, write_atomically


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_the_canonical_encoding_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": [1, 0.1], "a": None}) == canonical({"a": None, "b": (1, 0.1)}) == b'{"a":null,"b":[1,0.1]}'


def test_the_checksum_is_sha256() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("durable", [True, False])
def test_a_write_creates_the_folder_and_replaces_the_file(durable: bool, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    for content in (b"first", b"second"):
        write_atomically(path, content, durable=durable)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_permissions_follow_the_umask(umask: int, tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("call", ["os.fsync", "os.replace"])
def test_a_write_that_fails_leaves_the_file_as_it_was(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"before")
    monkeypatch.setattr(call, lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_up_to_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", 5) == read_regular(tmp_path / "link", 100) == b"12345"


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(10**12)  # a sparse file, which needs no space
    with pytest.raises(ValueError, match="is larger than 1,000 bytes"):
        read_regular(tmp_path / "file", 1_000)


def test_a_file_whose_size_is_not_that_of_its_content_is_refused() -> None:
    with pytest.raises(ValueError, match="has more content than its size"):
        read_regular(Path("/proc/self/status"), 10**6)


@pytest.mark.parametrize("kind", ["FIFO", "directory", "device", "socket", "FIFO after the check"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    match kind:
        case "FIFO":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
        case "FIFO after the check":
            os.mkfifo(path)
            (tmp_path / "other").touch()
            regular = (tmp_path / "other").stat()
            monkeypatch.setattr(Path, "stat", lambda _: regular)
    with pytest.raises(ValueError, match="is not a regular file"):
        read_regular(path, 100)


def test_a_file_that_does_not_exist_or_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "absent", 100)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "loop", 100)
