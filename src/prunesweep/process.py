"""The process of a command: its signals, its standard streams and its exit code.

May import `errors`. Imports nothing slow, so that signals are held back from the start of the process.
"""

from __future__ import annotations

import _thread
import atexit
import io
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import ClassVar

from prunesweep.errors import Fatal, UsageError, printable

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that interrupt a command."""
RETRY_AFTER = 0.02
"""Seconds until a signal that arrived during an import is delivered again."""
CONTINUE = "Every finished step is stored. To continue, run:"
"""The sentence before the command line of an interrupted run or sweep."""


class Interrupts:
    """Raises a `KeyboardInterrupt` for each signal, but not before `release`, and never inside an import.

    An import that is interrupted can leave a half-initialized module, and some libraries suppress the exception.
    A signal that the parent process set to be ignored stays ignored.

    Attributes:
        received: The first signal.
        interrupt: The exception, one object for all signals, so that its arguments are kept.
        exit_code: If set, the command has ended, and a signal ends the process immediately with this exit code.
    """

    current: ClassVar[Interrupts | None] = None
    """The object of this process."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.exit_code: int | None = None
        self.interrupt = KeyboardInterrupt()
        self._released = False
        self._retrying = False
        self._thread = _thread.get_ident()
        Interrupts.current = self
        atexit.register(self._leave)  # as the first function, it is called after those of all libraries
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def release(self) -> None:
        """Raise `KeyboardInterrupt` for the signals that were held back and for those that follow."""
        self._released = True
        self.check()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal was received, for example one whose exception a library suppressed."""
        if self.received is not None:
            raise self.interrupt

    def hold(self) -> None:
        """Hold signals back again."""
        self._released = False

    def _leave(self) -> None:
        """End the process. The interpreter would now delete every module, which takes torch more than a second."""
        if self.exit_code is not None:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(self.exit_code)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code is not None:
            os._exit(self.exit_code)
        self.received = self.received or number
        if self._released and not _is_importing(frame):
            raise self.interrupt
        if self._released and not self._retrying:
            self._retrying = True
            _thread.start_new_thread(self._retry, (number,))  # threading could wait for a lock of this thread

    def _retry(self, number: int) -> None:
        time.sleep(RETRY_AFTER)
        self._retrying = False
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._thread, number)  # interrupt_main does not end a system call
        else:
            _thread.interrupt_main(signal.Signals(number))


def interrupted() -> bool:
    """Return whether this process has received a signal that ends it."""
    return Interrupts.current is not None and Interrupts.current.received is not None


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Output(io.RawIOBase):
    """A standard stream that keeps its first error instead of raising it, so that a closed pipe does not end a run.

    Attributes:
        error: The first error. All output after it is lost.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name
        self.error: OSError | None = None

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        if self.error is None:
            try:
                return os.write(self.descriptor, data)
            except OSError as error:
                self.error = error
        return len(data)


class Lines(io.TextIOBase):
    """A text stream that passes on complete lines, each call as one text.

    Attributes:
        rest: The incomplete last line.
    """

    def __init__(self, receive: Callable[[str], None]) -> None:
        self._receive = receive
        self.rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        lines, end, self.rest = (self.rest + text).rpartition("\n")
        if end:
            self._receive(lines + end)
        return len(text)

    def end(self) -> None:
        """Pass on the last line if it is incomplete."""
        if self.rest:
            self.write("\n")


def _text(output: Output, encoding: str) -> io.TextIOWrapper:
    line_buffering = output.descriptor == 2 or output.isatty()
    buffer = io.BufferedWriter(output)  # type: ignore[type-var]
    return io.TextIOWrapper(buffer, encoding, errors="backslashreplace", line_buffering=line_buffering)


def open_streams() -> Output:
    """Replace `sys.stdout` and `sys.stderr` by streams that do not raise; return standard output.

    Streams that were replaced before, for example by pytest, stay. A closed descriptor is opened without permission to
    write. Otherwise the next file would have its number, and receive the output.
    """
    descriptor = os.open(os.devnull, os.O_RDONLY)
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    out, err = Output(1, "<stdout>"), Output(2, "<stderr>")
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(out, getattr(sys.stdout, "encoding", "utf-8"))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(err, getattr(sys.stderr, "encoding", "utf-8"))
    return out


@contextmanager
def exit_with_message(interrupts: Interrupts, advice: str) -> Iterator[None]:
    """Wrap a command: an error prints one message on standard error and ends the process with exit code 1.

    With `HYDRA_FULL_ERROR=1` the error and its traceback pass through.

    Signals end the process with 128 plus their number, and with the command line followed by the arguments of the
    `KeyboardInterrupt`. If standard output cannot be written, the command continues, but its exit code is 1.

    Args:
        interrupts: Created at the start of the process.
        advice: The sentence before the command line of an interrupted command.
    """
    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # otherwise Hydra prints the error itself and exits
    output = open_streams()
    error: BaseException | None = None
    try:
        interrupts.release()
        _check_working_directory()
        yield
        interrupts.check()
    except BaseException as raised:
        error = raised
    interrupts.hold()
    if full and isinstance(error, Exception | Fatal):
        raise error.__cause__ if isinstance(error, Fatal) and error.__cause__ else error
    code, messages = _outcome(error, interrupts, advice)
    sys.stdout.flush()
    if output.error is not None and code == 0:
        code, messages = 1, [f"error: standard output: {output.error.strerror}. Everything else is complete."]
    for message in messages:
        print(message, file=sys.stderr)
    interrupts.exit_code = code
    sys.exit(code)


def _outcome(error: BaseException | None, interrupts: Interrupts, advice: str) -> tuple[int, list[str]]:
    """Return the exit code and the messages of a command that ended with `error`."""
    code, messages = 0, []
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        messages = [error.code] if isinstance(error.code, str) else []
    elif isinstance(error, Exception | Fatal):
        cause = error.__cause__ if isinstance(error, Fatal) else error
        assert isinstance(cause, Exception)
        from prunesweep.messages import message_of  # late, because it imports Hydra

        code, messages = 1, [f"error: {printable(message_of(cause), lines=True)}"]
    interrupted = isinstance(error, KeyboardInterrupt)
    if interrupted or (interrupts.received is not None and code != 0):
        code = 128 + (interrupts.received or signal.SIGINT)
        arguments = error.args if interrupted and error is not None else interrupts.interrupt.args
        messages.append(f"interrupted. {advice}\n  {_command_line(arguments)}")
    return code, messages


def _command_line(arguments: Iterable[object]) -> str:
    """Return the command that started this process, followed by `arguments`."""
    return shlex.join([*program(), *sys.argv[1:], *map(str, arguments)])


def program() -> list[str]:
    """Return the start of the command line of this process: a script with its interpreter, or an installed command."""
    script = Path(sys.argv[0])
    return [Path(sys.executable).name, sys.argv[0]] if script.suffix == ".py" else [script.name]


def _check_working_directory() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(f"the working directory cannot be used ({error.strerror}). Change to another one.") from error
