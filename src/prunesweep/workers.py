"""Processes that execute calls. A worker that is killed costs the call that it was executing, and is replaced.

Each worker has a pipe of its own and shares no lock or queue with others, so that a killed worker cannot block them.
The pools of `concurrent.futures`, loky and joblib end all calls when one of their workers is killed.

May import `errors`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import queue
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import cloudpickle

from prunesweep.process import SIGNALS

Send = Callable[[Any], None]
"""Sends a message to the process that has submitted the call."""
Handler = Callable[[Any, Send], Any]
"""Executes a call, given its argument."""
PRELOADED = ("torch", "torch._dynamo", "hydra.main", "prunesweep.experiment.run")
"""Modules that are imported once for all workers, where processes can be forked."""


class WorkerDied(RuntimeError):
    """A worker was killed while it executed a call."""


@dataclass(frozen=True)
class Message:
    """A message that a call has sent.

    Attributes:
        key: The key of the call.
        value: The message.
    """

    key: int
    value: Any


@dataclass(frozen=True)
class Ended:
    """The end of a call.

    Attributes:
        key: The key of the call.
        value: What the call returned.
        error: What the call raised, or `WorkerDied`, or None.
    """

    key: int
    value: Any = None
    error: Exception | None = None


Receive = Callable[[Message], None]


class Pool(Protocol):
    """Executes calls of one handler."""

    @property
    def count(self) -> int:
        """The number of calls that are executed at a time."""

    @property
    def free(self) -> int:
        """The number of calls that can be submitted now."""

    def submit(self, key: int, argument: Any) -> None:
        """Execute the handler with `argument`. `key` identifies the call in its messages and its end."""

    def wait(self, receive: Receive, timeout: float | None = None) -> Sequence[Ended]:
        """Wait for messages or the end of a call. Pass messages to `receive`, and return the calls that have ended."""


class ThisProcess:
    """Executes calls in this process, one after the other."""

    count = 1

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._call: tuple[int, Any] | None = None

    @property
    def free(self) -> int:
        return 1 if self._call is None else 0

    def submit(self, key: int, argument: Any) -> None:
        self._call = (key, argument)

    def wait(self, receive: Receive, timeout: float | None = None) -> Sequence[Ended]:  # noqa: ARG002
        assert self._call is not None
        (key, argument), self._call = self._call, None
        try:
            return [Ended(key, self._handler(argument, lambda value: receive(Message(key, value))))]
        except Exception as error:
            return [Ended(key, error=error)]


class Workers:
    """Executes calls in processes of their own. Leaving the `with` statement kills the processes.

    They also end if this process ends in any way.
    """

    def __init__(
        self,
        count: int,
        handler: Handler,
        folder: Path | None = None,
        environments: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Start `count` processes.

        Args:
            count: The number of processes.
            handler: Executes the calls. It is sent to each process once, by cloudpickle.
            folder: A folder with files of the workers. If this process dies, the workers remove it.
            environments: Environment variables that the processes get in turn, beside those of this process.
        """
        content = cloudpickle.dumps(handler)
        own = islice(cycle(environments or [{}]), count)
        self._starts = [partial(_Worker, content, folder, variables) for variables in own]
        self._workers = [start() for start in self._starts]

    @property
    def free(self) -> int:
        return sum(worker.key is None for worker in self._workers)

    def submit(self, key: int, argument: Any) -> None:
        worker = next(worker for worker in self._workers if worker.key is None)
        worker.submit(key, argument)

    @property
    def count(self) -> int:
        return len(self._workers)

    def wait(self, receive: Receive, timeout: float | None = None) -> Sequence[Ended]:
        ready = wait([worker.connection for worker in self._workers], timeout)
        ended = []
        for number, worker in enumerate(self._workers):
            if worker.connection not in ready:
                continue
            event = worker.receive()
            if isinstance(event, Message):
                receive(event)
            elif event is not None:
                ended.append(event)
            if worker.dead:
                worker.kill()
                self._workers[number] = self._starts[number]()
        return ended

    @property
    def pids(self) -> list[int]:
        """The IDs of the processes."""
        return [worker.process.pid or 0 for worker in self._workers]

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.kill()


def prepare() -> None:
    """Start to import what workers need, in the background. Without this call, the first worker starts later."""
    if _context().get_start_method() == "forkserver":
        with _interrupts_blocked():
            forkserver.ensure_running()
        atexit.unregister(_end_server)
        atexit.register(_end_server)


def _end_server() -> None:
    """Kill the process that workers are forked from. It would end by itself, but delete all modules of torch before.

    This takes a second, in which a program that reads the output of this process waits for its end.
    """
    server = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    if server:
        with suppress(OSError):  # it has ended
            os.kill(server, signal.SIGKILL)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block signals of the terminal, so that processes that are started in the block never receive them.

    A terminal interrupts all processes of a command. This process ends the others. They must not print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it unblocks SIGINT when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number for number in SIGNALS if number != signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _context() -> BaseContext:
    """Return the way in which workers start: forked from a process that has imported `PRELOADED`, or as new ones."""
    if "forkserver" not in multiprocessing.get_all_start_methods() or not _has_room_for_sockets():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _has_room_for_sockets() -> bool:
    """Return whether a socket can have its path in the folder for temporary files: some systems allow 104 bytes."""
    return len(os.fsencode(tempfile.gettempdir())) + len("/pymp-12345678/listener-12345678") < 104


class _Worker:
    """A worker as its parent sees it."""

    def __init__(self, handler: bytes, folder: Path | None, variables: Mapping[str, str]) -> None:
        context = _context()
        self.connection, theirs = context.Pipe()
        arguments = (theirs, folder, {**os.environ, **variables})
        self.process = context.Process(target=_work, args=arguments, daemon=True)  # type: ignore[attr-defined]
        with _interrupts_blocked():
            self.process.start()
        theirs.close()  # so that the pipe ends with the worker
        self.key: int | None = None
        self.dead = False
        # Not an argument: if this process ends while it writes a long one, the new process prints a traceback.
        with suppress(OSError):  # as in `submit`
            self.connection.send_bytes(handler)

    def submit(self, key: int, argument: Any) -> None:
        self.key = key
        with suppress(OSError):  # it was killed while it had no call: `receive` finds the end of the pipe
            self.connection.send_bytes(cloudpickle.dumps(argument))

    def receive(self) -> Message | Ended | None:
        try:
            event = pickle.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            self.dead = True
            return None if self.key is None else Ended(self.key, error=WorkerDied("its process was killed"))
        assert self.key is not None
        kind, value = event
        if kind == "message":
            return Message(self.key, value)
        ended = Ended(self.key, value) if kind == "value" else Ended(self.key, error=value)
        self.key = None
        return ended

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(connection: Connection, folder: Path | None, environment: dict[str, str]) -> None:
    """Receive the handler, and execute calls until the other end of the pipe is closed."""
    os.environ.clear()  # the process that this one was forked from can be older than the parent's variables
    os.environ.update(environment)
    for number in SIGNALS:
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)  # they are blocked only where signals can be blocked
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, calls, folder), daemon=True).start()
    execute = _loaded(calls.get())
    while True:
        argument = pickle.loads(calls.get())
        try:
            outcome = ("value", execute(argument, lambda value: connection.send_bytes(_dumps(("message", value)))))
        except BaseException as error:  # also `sys.exit` in the user's code: it would end this worker
            outcome = ("error", error if isinstance(error, Exception) else RuntimeError(repr(error)))
        connection.send_bytes(_dumps(outcome))


def _loaded(handler: bytes) -> Handler:
    """Return the handler. If it cannot be loaded here, every call fails with the reason."""
    try:
        execute: Handler = pickle.loads(handler)
    except Exception as error:
        reason = error

        def execute(argument: Any, send: Send) -> Any:  # noqa: ARG001
            raise reason

    return execute


def _receive(connection: Connection, calls: queue.SimpleQueue[bytes], folder: Path | None) -> None:
    """Pass calls on, and end this process when the pipe ends: the parent has closed it, or is dead."""
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _dumps(value: tuple[str, Any]) -> bytes:
    """Return `value` as bytes that the parent can read. An error that cannot be sent is replaced by its text."""
    try:
        content: bytes = cloudpickle.dumps(value)
        pickle.loads(content)
    except Exception:
        kind, found = value
        if kind != "error":
            raise
        content = cloudpickle.dumps((kind, RuntimeError(f"{type(found).__name__}: {found}")))
    return content
