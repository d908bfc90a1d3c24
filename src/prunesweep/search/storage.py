"""The database of a study: an SQLite file in the sweep's directory, or a PostgreSQL server for several machines."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from prunesweep.errors import UsageError
from prunesweep.store import locks

log = logging.getLogger("prunesweep")
CONNECT_TIMEOUT = 5  # seconds
optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


def address(storage: str | None, sweep: Path) -> URL:
    """Return the URL of the database in `search.storage`, or of the file in the sweep's directory.

    Raises:
        UsageError: `storage` is not a URL, or the URL of an unsupported database.
    """
    if storage is None:
        return URL.create("sqlite", database=str(sweep.resolve() / "study.db"))
    try:
        url = make_url(storage)
    except SQLAlchemyError:
        raise UsageError(
            f"search.storage={storage}: is not a URL like postgresql+psycopg://user@host/database."
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(f"search.storage={shown(url)}: must start with postgresql+psycopg:// or sqlite:///.")
    return url


def shown(url: URL) -> str:
    """Return the URL without its password."""
    return url.render_as_string(hide_password=True)


@contextlib.contextmanager
def locked(url: URL) -> Iterator[None]:
    """Hold the lock that all processes with this database share. It is released if the process dies.

    Raises:
        UsageError: The database cannot be reached, on entering or later.
    """
    with _reachable(url), contextlib.ExitStack() as stack:
        if url.get_backend_name() == "sqlite":
            path = Path(url.database or "study.db")
            _check_regular(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not stack.enter_context(locks.locked(Path(f"{path}.lock"), partial(_announce, path))):
                raise UsageError(
                    f"{path}: its lock was not released within {locks.GIVE_UP_AFTER:.0f} s. End the process that holds "
                    "it, and run the same command again to continue."
                )
        else:
            connection = stack.enter_context(_engine(url).connect())
            key = {"key": _key("prunesweep")}  # the server releases the lock at the end of the connection
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), key)
        yield


def _announce(path: Path, owner: locks.Owner | None) -> None:
    log.warning("Waiting for the lock of %s, which is held by %s.", path, owner or "another process")


def _engine(url: URL) -> sqlalchemy.Engine:
    try:
        return sqlalchemy.create_engine(
            url, poolclass=sqlalchemy.NullPool, connect_args=_timeout(url), isolation_level="AUTOCOMMIT"
        )
    except ImportError as error:
        raise UsageError(
            f"search.storage={shown(url)}: its driver is not installed ({error}). pip install -e '.[postgres]'"
        ) from None


def connect(url: URL, heartbeat: float) -> RDBStorage:
    """Return the storage at `url` and create its tables if necessary. Call this while holding its lock.

    Raises:
        UsageError: The database cannot be reached, or its file is damaged.
    """
    if url.get_backend_name() == "sqlite":
        _check_sound(url)
    with _reachable(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns that heartbeats are experimental
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs={"connect_args": _timeout(url), "pool_pre_ping": True},
            heartbeat_interval=max(1, int(heartbeat / 4)),
            grace_period=max(1, int(heartbeat)),
        )


def _check_sound(url: URL) -> None:
    """Refuse a file whose tables and indexes contradict each other. Queries could return anything."""
    path = Path(url.database or "study.db")
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise damaged(url, " ".join(str(found).split()))


def _timeout(url: URL) -> dict[str, int]:
    return {"connect_timeout": CONNECT_TIMEOUT} if url.get_backend_name() == "postgresql" else {"timeout": 60}


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextlib.contextmanager
def _reachable(url: URL) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError, optuna.exceptions.StorageInternalError) as error:
        cause = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
        reason = str(cause).strip().splitlines()[0]
        if type(cause) is sqlite3.DatabaseError:  # errors of a sound file, such as a locked one, are subclasses
            raise damaged(url, reason) from error
        raise UsageError(
            f"search.storage={shown(url)}: cannot be reached ({reason}). Finished trials are kept; "
            "run the same command again to continue."
        ) from error


def damaged(url: URL, reason: str) -> UsageError:
    """Return the error for a database with a content that a search cannot use."""
    if url.get_backend_name() == "sqlite":
        name, remedy = url.database, "move it away"
    else:
        name, remedy = f"search.storage={shown(url)}", "choose another name, study=NAME,"
    return UsageError(
        f"{name}: {reason}. The database was changed or damaged. Restore it from a copy, or {remedy} to start a new "
        "search. Steps that are stored are not computed again."
    )


def _check_regular(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is not a file, so it cannot be the database of a search.")
