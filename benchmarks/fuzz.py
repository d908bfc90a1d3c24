"""Read mutated files with every reader of files of unknown origin.

    python benchmarks/fuzz.py --minutes 10 result record csr
    python benchmarks/fuzz.py --list

Each case is a valid file, from a small search, with some changes (`mutations.py`). A reader (`readers.py`) must return
a value or raise one of the errors whose messages are meant for the user. It must end within 5 seconds of processor
time, need less than 1 GB of memory, start no process, connect to nothing, unpickle nothing, and write only into its own
folder. Everything else is a failure. Its input and its traceback are saved.

Cases are read in child processes, so that a hang or a crash ends only one of them. By default the mutations are random,
and `--seed` repeats them. With `--engine atheris` (`pip install atheris`), the coverage of the code guides them.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import hashlib
import importlib
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from readers import Reader

SECONDS, BYTES = 5, 2**30
"""The limits of processor time and of memory, which is counted from the start of the child process."""
WAITING = 120
"""The limit of the time of a case in seconds. A case that waits for something reaches it, also on a busy machine."""
BATCH = 60.0
"""The number of seconds after which the child process is replaced, so that memory does not accumulate."""
FORBIDDEN = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    *("pickle.find_class", "socket.connect"),
)
"""Audit events that no reader may raise."""
READ, REFUSED = "read", "refused"


@dataclass
class Counts:
    """The outcomes of the cases of one reader, and one line for each distinct failure."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        tried = self.outcomes.total() + self.failures.total()
        return (
            f"{tried:,} tried, {self.outcomes[REFUSED]:,} refused, {self.outcomes[READ]:,} read, "
            f"{self.failures.total():,} failures ({len(self.failures)} distinct)"
        )


class Case:
    """Reads one input after the other in a child process."""

    def __init__(self, reader: Reader, samples: Path, work: Path) -> None:
        self.reader, self.samples, self.work = reader, samples, work
        self.input, self.count = work / "input", 0
        self.forbidden: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in FORBIDDEN:
            self.forbidden.append(f"{event} {arguments[:1]}")
        if event == "open" and isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            inside = Path(arguments[0]).absolute().is_relative_to(self.work)
            if not inside and arguments[0] != os.devnull:
                self.forbidden.append(f"opens {arguments[0]} for writing")

    def outcome(self, content: bytes) -> str:
        """Return `READ`, `REFUSED` or a description of the failure."""
        self.input.write_bytes(content)
        self.count += 1
        folder = self.work / f"{self.count}"  # a new name, because readers may cache by path
        shutil.copytree(self.samples / self.reader.folder, folder / self.reader.folder)
        (folder / self.reader.file).write_bytes(content)
        self.forbidden.clear()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        faulthandler.dump_traceback_later(WAITING, exit=True)
        try:
            return self._read(folder)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
            shutil.rmtree(folder, ignore_errors=True)

    def _read(self, folder: Path) -> str:
        from prunesweep.errors import UsageError

        try:
            outcome = READ if self.reader.read(folder) else REFUSED
        except (UsageError, ArithmeticError) as error:
            causes = list(_causes(error))
            if any(isinstance(cause, MemoryError) or "allocate memory" in str(cause) for cause in causes):
                return f"more than 1 GB {_place(error)}\n{_trace(error)}"
            outcome = REFUSED
        except Exception as error:
            return f"{type(error).__name__} {_place(error)}\n{_trace(error)}"
        return f"executes {self.forbidden[0]}\n" if self.forbidden else outcome


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-12))[-20_000:]


def _place(error: BaseException) -> str:
    """Return the innermost frame of prunesweep."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "prunesweep" in frame.filename] or list(frames)
    return f"in {Path(own[-1].filename).name}:{own[-1].lineno}"


def random_cases(case: Case, connection: Connection, seed: str, deadline: float) -> None:
    """Read mutations of the valid file until `deadline`."""
    draw = random.Random(seed)
    valid = (case.samples / case.reader.file).read_bytes()
    connection.send(case.outcome(valid))
    while time.monotonic() < deadline:
        connection.send(case.outcome(case.reader.mutate(valid, draw)))


def guided_cases(case: Case, connection: Connection, corpus: Path, deadline: float) -> None:
    """Read mutations of the inputs in `corpus` until `deadline`. Inputs that reach new code are added to it."""
    atheris: Any = importlib.import_module("atheris")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if draw.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        return case.reader.mutate(data, draw)[:most]

    def read(data: bytes) -> None:
        connection.send(case.outcome(data))

    options = (f"-max_total_time={max(1, int(deadline - time.monotonic()))}", "-max_len=2000000", "-rss_limit_mb=0")
    atheris.Setup([sys.argv[0], *options, "-len_control=0", "-verbosity=0", str(corpus)], read, custom_mutator=mutate)
    atheris.Fuzz()


def child(
    reader: Reader, samples: Path, work: Path, connection: Connection, seed: str, end: float, guided: bool
) -> None:
    """Read cases, with limits of time and memory, and send their outcomes."""
    logging.disable()
    warnings.simplefilter("ignore")
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((work / "log").open("w"))
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        faulthandler.enable(log)
        faulthandler.register(signal.SIGPROF, log, chain=True)  # prints the traceback, then the process ends
        os.chdir(work)
        case = Case(reader, samples, work)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if guided:
            guided_cases(case, connection, work.parent / "corpus", end)
        else:
            random_cases(case, connection, seed, end)


def fuzz(name: str, reader: Reader, samples: Path, saved: Path, seconds: float, seed: int, guided: bool) -> Counts:
    """Read cases with one reader for a number of seconds. Failures are printed and saved once each."""
    counts, batch, end = Counts(), 0, time.monotonic() + seconds
    base = samples.parent / name
    (base / "corpus").mkdir(parents=True, exist_ok=True)
    shutil.copy(samples / reader.file, base / "corpus" / "valid")
    context = multiprocessing.get_context("fork")
    while (now := time.monotonic()) < end:
        work = base / f"{batch}"
        (work / "samples").parent.mkdir()
        (work / "samples").symlink_to(samples)
        ours, theirs = context.Pipe(duplex=False)
        arguments = (reader, samples, work, theirs, f"{seed}/{name}/{batch}", min(end, now + BATCH), guided)
        process = context.Process(target=child, args=arguments)
        process.start()
        theirs.close()
        with contextlib.suppress(EOFError):
            while True:
                _count(counts, name, ours.recv(), work / "input", saved)
        process.join()
        if process.exitcode:
            log = (work / "log").read_text(errors="replace")
            _count(counts, name, f"{_end(process.exitcode, log)}\n{log}", work / "input", saved)
        shutil.rmtree(work)
        batch += 1
    return counts


def _end(code: int, log: str) -> str:
    """Describe how a child process ended during a case, and where."""
    place = next((line.strip() for line in log.splitlines() if "prunesweep" in line and "File" in line), "")
    if code == -signal.SIGPROF:
        return f"more than {SECONDS} s of processor time {place}"
    if "Timeout (" in log:
        return f"more than {WAITING} s {place}"
    return f"the process ended with {code} {place}"


def _count(counts: Counts, name: str, outcome: str, content: Path, saved: Path) -> None:
    if outcome in (READ, REFUSED):
        counts.outcomes[outcome] += 1
        return
    line = outcome.partition("\n")[0]
    counts.failures[line] += 1
    if counts.failures[line] == 1:
        saved.mkdir(parents=True, exist_ok=True)
        path = saved / f"{name}-{hashlib.sha256(outcome.encode()).hexdigest()[:8]}"
        shutil.copy(content, path)
        path.with_name(f"{path.name}.txt").write_text(outcome)
        print(f"  {name}: {line} -> {path}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", nargs="*", help="the readers (default: all)")
    parser.add_argument("--minutes", type=float, default=10, help="for each reader")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random mutations")
    parser.add_argument("--engine", choices=("random", "atheris"), default="random")
    parser.add_argument("--samples", type=Path, help="keep the valid files in this folder, or use the ones in it")
    parser.add_argument("--saved", type=Path, default=Path("fuzz-failures"), help="folder for inputs that failed")
    parser.add_argument("--list", action="store_true", help="print the names of the readers")
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="1", MPLBACKEND="agg")
    guided = options.engine == "atheris"
    if guided:
        with importlib.import_module("atheris").instrument_imports(include=["prunesweep"]):
            import readers
    else:
        import readers
    with tempfile.TemporaryDirectory() as name:
        samples = (options.samples or Path(name)).resolve() / "samples"
        if not samples.exists():
            readers.build(samples)
        known = readers.readers(samples)
        if options.list:
            print("\n".join(known))
            return 0
        failed = False
        for each in options.reader or known:
            started = time.monotonic()
            counts = fuzz(
                each, known[each], samples, options.saved.resolve(), 60 * options.minutes, options.seed, guided
            )
            print(f"{each}: {counts} in {time.monotonic() - started:.0f} s", flush=True)
            failed = failed or bool(counts.failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
