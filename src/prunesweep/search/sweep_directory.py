"""The directory of a sweep. It belongs to one sweep, whose settings are recorded there. Other settings are refused.

The same settings continue the sweep, but not while another process runs it. Processes of a search can run at the same
time, because they share its study.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prunesweep.errors import UsageError, printable
from prunesweep.files import parse_json, read_inside, write_atomically
from prunesweep.messages import message_of
from prunesweep.process import program
from prunesweep.results.result import remove_outputs
from prunesweep.results.run_directory import CONFIG, MAX_SWEEP_RECORD, SWEEP_RECORD, run_folders
from prunesweep.search.definition import Definition, differences
from prunesweep.store.locks import Owner, locked

RECORD, LOCK = SWEEP_RECORD, ".sweep.lock"
MAX_DIFFERENCES, MAX_WIDTH = 20, 200
REPORT_TO = "PRUNESWEEP_REPORT_DIRECTORY_TO"
"""Environment variable with the file to which a sweep writes its directory, for the process that started it."""


class Refused(UsageError):
    """A sweep was refused before its first run. The runs and reports in its directory are as they were."""


@contextmanager
def before_the_first_run() -> Iterator[None]:
    """Convert any error to `Refused`."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        raise Refused(message_of(error)) from error


@dataclass(frozen=True)
class Sweep:
    """What is recorded of a sweep in its directory.

    Attributes:
        definition: The settings of the sweep, of which none may differ.
        numerics: Settings that change the last bits of a result. If one differs, all runs are repeated.
        arguments: The arguments of the command line, without passwords.
        runs: The number of runs, or None if it is not known before the end.
    """

    definition: Definition
    numerics: dict[str, str]
    arguments: tuple[str, ...]
    runs: int | None = None


def arguments_of_this_process() -> tuple[str, ...]:
    """Return the arguments of the command line. Passwords in URLs are masked."""
    return tuple(re.sub(r"(://[^/\s:]*):.*@", r"\1:***@", argument) for argument in sys.argv[1:])


@contextmanager
def claimed(folder: Path, sweep: Sweep) -> Iterator[None]:
    """Hold the directory `folder` for `sweep`, and record its settings if the directory is new.

    Raises:
        Refused: The directory belongs to another sweep, the same sweep is running in it, or it cannot be used.
    """
    with ExitStack() as stack:
        try:
            check_directory(folder, sweep)
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder / LOCK, lambda owner: _refuse_second(folder, owner)))
            _record(folder, sweep)
        except OSError as error:
            raise Refused(f"hydra.sweep.dir={folder}: cannot be used ({error.strerror or error}).") from error
        yield


def claim(folder: Path, sweep: Sweep) -> None:
    """Record that `folder` belongs to `sweep`. Several processes may then use it at the same time.

    Raises:
        Refused: The directory belongs to another sweep, or it cannot be used.
    """
    with claimed(folder, sweep):
        pass


def check_directory(folder: Path, sweep: Sweep) -> Sweep | None:
    """Return what is recorded in `folder`, or None if it is new.

    Raises:
        Refused: The directory belongs to another sweep.
    """
    outer = next((parent for parent in folder.absolute().parents if (parent / RECORD).exists()), None)
    if outer is not None:
        raise Refused(f"{folder}: is inside the directory of another sweep, {outer}. {_another(outer)}")
    before = _read(folder)
    if before is None:
        run = next(run_folders(folder), None)
        if run is not None:
            raise Refused(
                f"{folder}: contains runs, such as {printable(run)}, but not {RECORD}, which records their settings. "
                f"{_another(folder)}"
            )
        return None
    lines = differences(before.definition, sweep.definition)
    if lines:
        raise Refused("\n".join(_message(folder, before, lines)))
    return before


def check_unclaimed(folder: Path, option: str) -> None:
    """Check that runs whose settings are not recorded can be written to `folder`.

    Args:
        folder: The directory of a single run, or of a sweep by one of Hydra's own sweepers.
        option: The override that chooses the directory.

    Raises:
        Refused: The directory belongs to a sweep.
    """
    sweep = next((each for each in (folder, *folder.absolute().parents) if (each / RECORD).exists()), None)
    if sweep is not None:
        raise Refused(f"{option}={folder}: belongs to the sweep in {sweep}. Choose another directory.")


def directory_override(folder: Path) -> str:
    """Return `hydra.sweep.dir=FOLDER` in Hydra's syntax."""
    text = str(folder)
    if not re.fullmatch(r"[\w./-]+", text, flags=re.ASCII):
        text = "'" + re.sub(r"(\\+)(?='|\Z)", r"\1\1", text).replace("'", r"\'") + "'"
    return f"hydra.sweep.dir={text}"


def report_directory(folder: Path) -> None:
    """Write the path of a sweep's directory to the file that `REPORT_TO` names, if it does."""
    if REPORT_TO in os.environ:
        Path(os.environ[REPORT_TO]).write_text(str(folder))


def remove_run(folder: Path) -> None:
    """Remove a run from its directory: its outputs, then its settings. Other files are not touched."""
    remove_outputs(folder)
    shutil.rmtree(folder / CONFIG.parent, ignore_errors=True)


def _record(folder: Path, sweep: Sweep) -> None:
    """Record the settings of `sweep`. First remove results with other numerics, because their runs are repeated."""
    before = check_directory(folder, sweep)
    if before is not None and before.numerics == sweep.numerics:
        return
    if before is not None:
        for run in run_folders(folder):
            remove_outputs(folder / run)
    write_atomically(folder / RECORD, (json.dumps(asdict(sweep), indent=2) + "\n").encode())


def _message(folder: Path, before: Sweep, lines: Sequence[str]) -> Iterator[str]:
    yield f"{folder}: contains another sweep. These settings differ:"
    for line in map(printable, lines[:MAX_DIFFERENCES]):
        yield f"  {line}" if len(line) <= MAX_WIDTH else f"  {line[:MAX_WIDTH]}…"
    if len(lines) > MAX_DIFFERENCES:
        yield f"  and {len(lines) - MAX_DIFFERENCES} others"
    yield "To continue that sweep, run:"
    yield f"  {_command(folder, before)}"
    yield _another(folder)


def _command(folder: Path, before: Sweep) -> str:
    given = [printable(each) for each in before.arguments if not each.startswith("hydra.sweep.dir=")]
    start = program()
    return shlex.join([*start, *(["run"] if len(start) == 1 else []), *given, directory_override(folder)])


def _another(folder: Path) -> str:
    named = folder if folder.name else folder.absolute()
    free = next(path for number in itertools.count(2) if not (path := Path(f"{named}-{number}")).exists())
    return f"To start a new sweep, choose another directory, such as {directory_override(free)}"


def _refuse_second(folder: Path, owner: Owner | None) -> None:
    raise Refused(
        f"{folder}: this sweep is already running there, in {owner or 'another process'}. Wait until it ends. "
        f"{_another(folder)}"
    )


def _read(folder: Path) -> Sweep | None:
    try:
        return _sweep(parse_json(read_inside(folder, RECORD, MAX_SWEEP_RECORD)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Refused(
            f"{folder / RECORD}: cannot be read ({printable(error)}). It records the settings of the sweep in this "
            f"directory. {_another(folder)}"
        ) from error


def _sweep(fields: Any) -> Sweep:
    """Return the sweep that a record describes.

    Raises:
        ValueError: `fields` are not a record.
    """
    if not isinstance(fields, dict) or {*fields, "runs"} != Sweep.__dataclass_fields__.keys():
        raise ValueError("is not the record of a sweep")
    parts, numerics, arguments = fields["definition"], fields["numerics"], fields["arguments"]
    runs = fields.get("runs")  # not in records of older versions
    if not isinstance(parts, dict) or not all(map(_are_texts, (*parts.values(), numerics))):
        raise ValueError("is not the record of a sweep")
    if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
        raise ValueError("is not the record of a sweep")
    if runs is not None and type(runs) is not int:
        raise ValueError("is not the record of a sweep")
    return Sweep(parts, numerics, tuple(arguments), runs)


def _are_texts(values: Any) -> bool:
    return isinstance(values, dict) and all(isinstance(each, str) for each in values.values())
