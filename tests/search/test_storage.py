from pathlib import Path

import pytest

from prunesweep.errors import UsageError
from prunesweep.search.storage import address, locked, shown


def test_the_default_is_a_file_in_the_directory_of_the_sweep(tmp_path: Path) -> None:
    assert address(None, tmp_path).database == str(tmp_path / "study.db")


def test_no_password_is_shown(tmp_path: Path) -> None:
    url = address("postgresql+psycopg://me:secret@host/db", tmp_path)
    assert shown(url) == "postgresql+psycopg://me:***@host/db"


@pytest.mark.parametrize(
    ("storage", "message"), [("nonsense", "is not a URL"), ("mysql://a@b/c", "must start with postgresql")]
)
def test_other_storages_are_refused(storage: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        address(storage, tmp_path)


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UsageError, match=r"cannot be reached \(.*Not a directory"),
        locked(address(f"sqlite:///{tmp_path}/file/x/s.db", tmp_path)),
    ):
        pass


def test_a_server_that_does_not_exist(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    url = address("postgresql+psycopg://me:secret@127.0.0.1:9/db", tmp_path)
    with pytest.raises(UsageError, match=r"me:\*\*\*@127.0.0.1:9/db: cannot be reached \(.*refused"), locked(url):
        pass
