"""Expose sweeps and their store to faults, and count what held: `tried`, `held`, `lost`, `wrong`.

    python benchmarks/faults.py killed --times 20
    python benchmarks/faults.py directory --times 6
    python benchmarks/faults.py stopped --times 4
    python benchmarks/faults.py together
    python benchmarks/faults.py workers --times 20

`killed` kills a sweep with SIGKILL at random moments, continues it, and compares it with an undisturbed sweep.
`directory` starts two sweeps at the same time in one directory, with the same settings or with others.
`stopped` stops a sweep with SIGSTOP at random moments and starts the same sweep in another directory of its store.
`together` runs a sweep of 25 runs twice at the same time on one store, compares the tables, and counts the steps.
`workers` compares a sweep with 1, 2 and 4 workers and with joblib bit for bit. Then it kills random workers and the
parent of a sweep with SIGKILL, and continues it by the command that an interrupted sweep prints.

The moments are drawn from a seed, as a number of written files. They therefore cover all parts of a sweep on machines
of any speed. A fault is `lost` if a finished step or a run is missing, and `wrong` if a result, a table, the weights or
an entry of the store differs from an undisturbed sweep, or if a message is missing. The exit code is 0 without faults.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prunesweep.errors import UsageError
from prunesweep.experiment.reproduce import compare
from prunesweep.process import CONTINUE
from prunesweep.results.run_directory import read_run
from prunesweep.store.entries import Entry
from prunesweep.store.store import verify
from prunesweep.store.tally import Tally

ROOT = Path(__file__).resolve().parent.parent
NOT_COMPARED = ("seconds", "steps_cached")
COMMON = ("-m", "model=lenet_300_100", "threads=1", "device=cpu", "store.dir=store")
KILLED = (*COMMON, "train.epochs=3", "prune.amount=0.3,0.6,0.9", "finetune.epochs=0,1,2,3")
SHORT = (*COMMON, "train.epochs=2", "prune.amount=0.5,0.9", "finetune.epochs=0,1")
WORKERS = (*KILLED, "seed=0,1")
TOGETHER = (*COMMON, "train.epochs=5", "prune.amount=0.1,0.3,0.5,0.7,0.9", "finetune.epochs=0,1,2,3,4")

ENDED_AFTER = 2.0
"""The number of seconds in which all workers end after the death of their parent."""
GIVE_UP_AFTER = 8
"""The number of seconds after which a sweep in `stopped` does not wait any longer, instead of ten minutes."""
IMPATIENT = f"""
import runpy, sys
from prunesweep.store import locks
locks.GIVE_UP_AFTER = {GIVE_UP_AFTER}
sys.argv[0] = {str(ROOT / "run.py")!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass
class Attacks:
    """The outcomes of attacks: how many there were, how many changed nothing, lost something, or made something wrong.

    Attributes:
        faults: One line for each fault.
    """

    tried: int = 0
    held: int = 0
    lost: int = 0
    wrong: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, lost: Sequence[str], wrong: Sequence[str]) -> None:
        """Count the attack `name`, and print it with its faults."""
        self.tried += 1
        self.held += not lost and not wrong
        self.lost += bool(lost)
        self.wrong += bool(wrong)
        lines = [*(f"lost: {line}" for line in lost), *(f"wrong: {line}" for line in wrong)]
        self.faults += lines
        print("\n  ".join([name, *lines]), flush=True)

    def __str__(self) -> str:
        return f"{self.tried} tried, {self.held} held, {self.lost} lost, {self.wrong} wrong"


def start(
    folder: Path, arguments: Sequence[str], log: str = "log", script: Sequence[str | Path] = (ROOT / "run.py",)
) -> subprocess.Popen[bytes]:
    """Start `python run.py arguments` in `folder`, with its output in the file `log` there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / log).open("ab") as file:
        return subprocess.Popen([sys.executable, *script, *arguments], cwd=folder, stdout=file, stderr=file)


def finish(folder: Path, *processes: subprocess.Popen[bytes]) -> None:
    """Wait for the end of processes that were started in `folder`, and exit if one failed."""
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a process failed:\n{(folder / 'log').read_text()}")


def kill(process: subprocess.Popen[bytes], count: Callable[[], int], goal: int, wait: float) -> bool:
    """Kill `process` `wait` seconds after `count` has reached `goal`. Return whether it was still running."""
    while process.poll() is None and count() < goal:
        time.sleep(0.005)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def file_count(folder: Path) -> int:
    """Return the number of files in `folder`, unfinished ones included: the progress of a sweep and its store."""
    return sum(len(names) for _, _, names in os.walk(folder))


def outcome(sweep: Path) -> tuple[list[dict[str, str]], dict[str, bytes]]:
    """Return the table of a sweep without the columns that can differ, and the weights of each run."""
    table = [
        {key: value for key, value in row.items() if key not in NOT_COMPARED}
        for row in read_table(sweep / "results.csv")
    ]
    return table, {path.parent.name: path.read_bytes() for path in sweep.glob("*/model.safetensors")}


def store_faults(folder: Path) -> list[str]:
    """Return the damaged entries of the store in `folder`, and the warnings in the log there."""
    log, checked = (folder / "log").read_text(), verify(folder / "store")
    faulty = [*checked.damaged, *checked.unreadable]
    faults = (f"damaged: {faulty}" if faulty else "", "the log contains a warning" if "Warning" in log else "")
    return [*filter(None, faults), *(line for line in log.splitlines() if "set aside" in line)]


def entries(folder: Path) -> set[str]:
    """Return the digests in the store in `folder`."""
    return {path.stem for path in (folder / "store").glob("??/*.json")}


def wrong_runs(sweep: Path, expected: Path) -> Iterator[str]:
    """Yield a line for each run in `sweep` with a result that differs from the run in the sweep `expected`."""
    for path in sorted(sweep.glob("*/result.json")):
        name = path.parent.name
        try:
            same = compare(read_run(sweep / name), read_run(expected / name)).identical
        except UsageError as error:
            yield f"run {name}: {error}"
        else:
            if not same:
                yield f"run {name} differs"


def lost_runs(sweep: Path, expected: Path) -> list[str]:
    """Return a line for each run of the sweep `expected` that does not have a result in `sweep`."""
    names = sorted(path.parent.name for path in expected.glob("*/result.json"))
    return [f"run {name} has no result" for name in names if not (sweep / name / "result.json").exists()]


def wrong_table(sweep: Path, expected: Path) -> list[str]:
    return [] if outcome(sweep) == outcome(expected) else ["the table or the weights differ"]


def killed(folder: Path, sweep: Sequence[str] = KILLED, times: int = 20, seed: int = 0) -> Attacks:
    """Kill a sweep repeatedly and continue it."""
    draw, attacks = random.Random(seed), Attacks()
    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
    arguments = (*sweep, "hydra.sweep.dir=sweep")
    started = time.perf_counter()
    finish(undisturbed, start(undisturbed, arguments))
    pace = (time.perf_counter() - started) / file_count(undisturbed)  # seconds per file, including the start of Python
    for number in range(times):
        left = max(1, file_count(undisturbed) - file_count(disturbed))
        more, wait = draw.randint(0, 2 * left // (times - number)), draw.random() * pace
        before, goal = entries(disturbed), file_count(disturbed) + more
        running = kill(start(disturbed, arguments), lambda: file_count(disturbed), goal, wait)
        moment = f"{1000 * wait:.0f} ms after {more} more files, {file_count(disturbed)} files in total"
        attacks.add(
            f"kill {number + 1}: {moment}{'' if running else ', after its end'}",
            [f"entry {digest}" for digest in before - entries(disturbed)],
            [*wrong_runs(disturbed / "sweep", undisturbed / "sweep"), *store_faults(disturbed)],
        )
    finish(disturbed, start(disturbed, arguments))
    attacks.add(
        "continued to the end",
        lost_runs(disturbed / "sweep", undisturbed / "sweep"),
        [*wrong_table(disturbed / "sweep", undisturbed / "sweep"), *store_faults(disturbed)],
    )
    return attacks


def directory(folder: Path, sweep: Sequence[str] = SHORT, times: int = 6, seed: int = 0) -> Attacks:
    """Start two sweeps in one directory: every second time with other settings, and with a random delay.

    Exactly one sweep runs, or both if they have the same settings. The other one is refused with a message.
    """
    draw, attacks = random.Random(seed), Attacks()
    settings = ((*sweep, "seed=0"), (*sweep, "seed=1"))
    for number, arguments in enumerate(settings):
        finish(folder, start(folder, (*arguments, f"hydra.sweep.dir=expected{number}")))
    for number in range(times):
        name, chosen = f"shared{number}", (0, number % 2)
        more = draw.choice((0, 0, draw.randint(1, 60)))
        processes = [start(folder, (*settings[chosen[0]], f"hydra.sweep.dir={name}"), f"{name}-0")]
        while processes[0].poll() is None and file_count(folder / name) < more:
            time.sleep(0.005)
        processes.append(start(folder, (*settings[chosen[1]], f"hydra.sweep.dir={name}"), f"{name}-1"))
        codes = [process.wait() for process in processes]
        winners = {choice for choice, code in zip(chosen, codes, strict=True) if code == 0}
        wrong = [] if len(winners) == 1 else [f"{len(winners)} different sweeps ran in one directory"]
        for index, code in enumerate(codes):
            log = (folder / f"{name}-{index}").read_text()
            if code and not ("already running" in log or "contains another sweep" in log):
                wrong.append(f"process {index} ended with exit code {code}:\n{log}")
        lost = []
        for winner in winners:
            lost += lost_runs(folder / name, folder / f"expected{winner}")
            wrong += wrong_table(folder / name, folder / f"expected{winner}")
        kind = "other" if chosen[1] else "the same"
        attacks.add(f"pair {number + 1}: {kind} settings after {more} files, exit codes {codes}", lost, wrong)
    attacks.add("the store", [], store_faults(folder))
    return attacks


def stopped(folder: Path, sweep: Sequence[str] = SHORT, times: int = 4, seed: int = 0) -> Attacks:
    """Stop a sweep, run the same sweep in another directory of its store, and let the first one continue.

    The second sweep must announce that it waits, and then end without the first one.
    """
    draw, attacks = random.Random(seed), Attacks()
    undisturbed = folder / "undisturbed"
    finish(undisturbed, start(undisturbed, (*sweep, "hydra.sweep.dir=sweep")))
    files = file_count(undisturbed)
    for number in range(times):
        place = folder / f"{number}"
        holder = start(place, (*sweep, "hydra.sweep.dir=first"), "log-first")
        more = draw.randint(1, files // 2)
        while holder.poll() is None and not (list(place.glob("store/??/*.lock")) and file_count(place) >= more):
            time.sleep(0.002)
        holder.send_signal(signal.SIGSTOP)
        before, arguments = entries(place), (*sweep, "hydra.sweep.dir=second")
        finish(place, start(place, arguments, "log", ("-c", IMPATIENT)))
        log = (place / "log").read_text()
        waited, gave_up = "Waiting for a step" in log, "is computed without storing" in log
        holder.send_signal(signal.SIGCONT)
        code = holder.wait()
        wrong = [] if waited == gave_up else ["a limit was reached without an announcement, or the reverse"]
        wrong += [] if code == 0 else [f"the sweep that was stopped ended with exit code {code}"]
        lost = [f"entry {digest}" for digest in before - entries(place)]
        for each in ("first", "second"):
            lost += lost_runs(place / each, undisturbed / "sweep")
            wrong += wrong_table(place / each, undisturbed / "sweep")
        faulty = verify(place / "store")
        wrong += [f"damaged: {digest}" for digest in (*faulty.damaged, *faulty.unreadable)]
        state = "waited and continued without storing" if waited else "did not have to wait"
        attacks.add(f"stop {number + 1}: after {more} files, the second sweep {state}", lost, wrong)
    return attacks


def together(folder: Path, sweep: Sequence[str] = TOGETHER, times: int = 1, seed: int = 0) -> Attacks:
    """Run a sweep twice at the same time on one store. The sweeps of each repetition have another seed."""
    attacks = Attacks()
    for number in range(times):
        run_twice(folder / f"{number}", (*sweep, f"seed={seed + number}"), attacks)
    return attacks


def run_twice(folder: Path, sweep: Sequence[str], attacks: Attacks) -> None:
    names = ("one", "other")
    finish(folder, *[start(folder, (*sweep, f"hydra.sweep.dir={name}")) for name in names])
    attacks.add(
        f"{len(read_table(folder / 'one' / 'results.csv'))} runs each; {steps_stored(folder)} steps stored",
        lost_runs(folder / "one", folder / "other"),
        [*wrong_table(folder / "one", folder / "other"), *repeated_steps(folder), *store_faults(folder)],
    )


def steps_stored(folder: Path) -> int:
    """Return the number of steps, without observations, in the store in `folder`."""
    records = [Entry.from_bytes(path.read_bytes()) for path in (folder / "store").glob("??/*.json")]
    return sum(entry.tensors is not None for entry in records)


def repeated_steps(folder: Path) -> list[str]:
    """Return a line if the undisturbed sweeps in `folder` have computed another number of steps than they stored."""
    computed, stored = Tally.read(folder / "store").computed, steps_stored(folder)
    return [] if computed == stored else [f"{computed} steps were computed, but {stored} are stored"]


def workers(folder: Path, sweep: Sequence[str] = WORKERS, times: int = 20, seed: int = 0) -> Attacks:
    """Execute a sweep in several numbers of processes, and kill some of them. All results have the same bits."""
    attacks, serial = Attacks(), folder / "serial"
    finish(serial, start(serial, (*sweep, "workers=1", "hydra.sweep.dir=sweep")))
    ways = {
        "2 workers": ("workers=2",),
        "4 workers": ("workers=4",),
        "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    }
    for name, options in ways.items():
        place = folder / name.replace(" ", "-")
        finish(place, start(place, (*sweep, *options, "hydra.sweep.dir=sweep")))
        attacks.add(
            f"{name}: {len(bits(place))} runs, {steps_stored(place)} steps",
            lost_runs(place / "sweep", serial / "sweep"),
            [*wrong_bits(place, serial), *repeated_steps(place)],
        )
    disturbed = folder / "disturbed"
    disturbed.mkdir()
    with temporary_files() as temporary:
        kill_processes(disturbed, serial, (*sweep, "workers=2", "hydra.sweep.dir=sweep"), times, seed, attacks)
        left = sorted(path.name for path in temporary.glob("prunesweep-*"))
    attacks.add(
        "continued to the end by the printed command",
        lost_runs(disturbed / "sweep", serial / "sweep"),
        [*wrong_bits(disturbed, serial), *(f"temporary folder {name} was not removed" for name in left)],
    )
    return attacks


def kill_processes(
    folder: Path, undisturbed: Path, arguments: Sequence[str], times: int, seed: int, attacks: Attacks
) -> None:
    """Kill a random worker or the parent of a sweep `times` times, then interrupt the sweep and continue it."""
    draw, process = random.Random(seed), start(folder, arguments)
    for number in range(times):
        left = max(1, file_count(undisturbed) - file_count(folder))
        goal = file_count(folder) + draw.randint(0, 2 * left // (times - number))
        wait_for(process, lambda goal=goal: file_count(folder) >= goal)  # type: ignore[misc]
        before, victims = entries(folder), workers_of(process.pid)
        wrong = []
        if victims and draw.random() < 0.5:
            os.kill(draw.choice(victims), signal.SIGKILL)
            name = "a worker"
        else:
            name = "the parent" if process.poll() is None else "nothing: the sweep had ended"
            process.send_signal(signal.SIGKILL)
            process.wait()
            wrong = processes_left(victims)
            process = start(folder, arguments)
        attacks.add(
            f"kill {number + 1}: {name}, after {file_count(folder)} files",
            [f"entry {digest}" for digest in before - entries(folder)],
            [*wrong, *wrong_runs(folder / "sweep", undisturbed / "sweep")],
        )
    wait_for(process, lambda: bool(workers_of(process.pid)))
    process.send_signal(signal.SIGINT)
    if process.wait():  # otherwise it has ended before
        logs = "".join(path.read_text() for path in sorted(folder.glob("log*")))
        command = logs.rpartition(CONTINUE)[2].splitlines()[1]
        finish(folder, start(folder, shlex.split(command)[2:]))


def wait_for(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds or `process` has ended."""
    while process.poll() is None and not condition():
        time.sleep(0.005)


def workers_of(parent: int) -> list[int]:
    """Return the IDs of the workers of a sweep: they are forked from a child of its process. Reads Linux' /proc."""
    return [worker for child in children(parent) for worker in children(child)]


def children(process: int) -> list[int]:
    """Return the IDs of the children of all threads of `process`; none if it has ended."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            found += map(int, path.read_text().split())
    return sorted(found)


def processes_left(ids: Sequence[int]) -> list[str]:
    """Return a line for each process that is still running after `ENDED_AFTER` seconds."""
    deadline = time.monotonic() + ENDED_AFTER
    while (running := [each for each in ids if is_running(each)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return [f"worker {each} survived its parent" for each in running]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def temporary_files() -> Iterator[Path]:
    """Let processes that are started in the block put their temporary files into a folder of its own."""
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ["TMPDIR"]
            if before is not None:
                os.environ["TMPDIR"] = before


def bits(folder: Path) -> dict[str, tuple[Any, str]]:
    """Return the result without times, and the hash of the weights, of each run of the sweep in `folder`."""
    return {
        path.parent.name: (
            without_times(json.loads(path.read_text())),
            hashlib.sha256(path.with_name("model.safetensors").read_bytes()).hexdigest(),
        )
        for path in (folder / "sweep").glob("*/result.json")
    }


def without_times(value: Any) -> Any:
    """Return a result without times, and without the number of stored steps and overrides, which can differ."""
    if isinstance(value, dict):
        ignored = (*NOT_COMPARED, "overrides")
        return {key: without_times(each) for key, each in value.items() if key not in ignored}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def wrong_bits(folder: Path, expected: Path) -> list[str]:
    """Return a line for each run and each entry of the store in `folder` that differs from those in `expected`."""
    found, wanted = bits(folder), bits(expected)
    runs = [f"run {name} differs" for name in wanted if name in found and found[name] != wanted[name]]
    stores = [] if entries(folder) == entries(expected) else ["the stores have different entries"]
    tables = [[without_times(row) for row in read_table(each / "sweep" / "results.csv")] for each in (folder, expected)]
    table = [] if tables[0] == tables[1] else ["the tables differ"]
    return [*runs, *stores, *table, *store_faults(folder)]


ATTACKS: dict[str, Callable[..., Attacks]] = {
    "killed": killed,
    "directory": directory,
    "stopped": stopped,
    "together": together,
    "workers": workers,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", choices=tuple(ATTACKS))
    parser.add_argument("--times", type=int, help="the number of attacks (default: as above)")
    parser.add_argument("--small", action="store_true", help="sweeps of four short runs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    options = parser.parse_args()
    attack = ATTACKS[options.fault]
    chosen = {"seed": options.seed, "times": options.times, "sweep": SHORT if options.small else None}
    with tempfile.TemporaryDirectory() as name:
        attacks = attack(Path(name), **{key: value for key, value in chosen.items() if value is not None})
    print(f"{options.fault}: {attacks}")
    return 1 if attacks.faults else 0


if __name__ == "__main__":
    sys.exit(main())
