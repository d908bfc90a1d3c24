"""The database of a study: an SQLite file beside the sweep, or a PostgreSQL server that several machines share."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import optuna
import sqlalchemy
from filelock import FileLock
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from prunesweep.errors import UsageError

CONNECT_WITHIN = 5  # seconds until a server that does not answer counts as unreachable
optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


def address(storage: str | None, sweep: Path) -> URL:
    """The URL of the database that `search.storage` names, or of the file in the sweep's directory.

    Raises:
        UsageError: it is no URL, or that of a database of another kind.
    """
    if storage is None:
        return URL.create("sqlite", database=str(sweep.resolve() / "study.db"))
    try:
        url = make_url(storage)
    except SQLAlchemyError:
        raise UsageError(f"search.storage={storage}: is no URL like postgresql+psycopg://user@host/database.") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(f"search.storage={shown(url)}: must be of postgresql+psycopg:// or sqlite:///.")
    return url


def shown(url: URL) -> str:
    """The URL without its password."""
    return url.render_as_string(hide_password=True)


@contextlib.contextmanager
def locked(url: URL) -> Iterator[None]:
    """Held by one process at a time, of all that use this database; that of a process that dies is free again.

    Raises:
        UsageError: the database cannot be reached, before or within.
    """
    with _reached(url), contextlib.ExitStack() as held:
        if url.get_backend_name() == "sqlite":
            path = Path(url.database or "study.db")
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(f"{path}.lock"))
        else:
            connection = held.enter_context(_engine(url).connect())
            key = {"key": _key("prunesweep")}  # the server frees the lock when the connection ends, however it ends
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), key)
        yield


def _engine(url: URL) -> sqlalchemy.Engine:
    try:
        return sqlalchemy.create_engine(
            url, poolclass=sqlalchemy.NullPool, connect_args=_within(url), isolation_level="AUTOCOMMIT"
        )
    except ImportError as error:
        raise UsageError(
            f"search.storage={shown(url)}: its driver is not installed ({error}). pip install -e '.[postgres]'"
        ) from None


def connect(url: URL, heartbeat: float) -> RDBStorage:
    """The storage at `url`, its tables made where there are none; to be called under its lock.

    Raises:
        UsageError: the database cannot be reached.
    """
    with _reached(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeats are an experiment of Optuna's
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs={"connect_args": _within(url), "pool_pre_ping": True},
            heartbeat_interval=max(1, int(heartbeat / 4)),
            grace_period=max(1, int(heartbeat)),
        )


def _within(url: URL) -> dict[str, int]:
    return {"connect_timeout": CONNECT_WITHIN} if url.get_backend_name() == "postgresql" else {"timeout": 60}


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextlib.contextmanager
def _reached(url: URL) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError, optuna.exceptions.StorageInternalError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise UsageError(
            f"search.storage={shown(url)}: cannot be reached ({reason}). What is finished is kept; "
            "the same command goes on once it can be."
        ) from error
