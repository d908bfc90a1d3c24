"""Run a command with several seeds and keep what it gave in a JSON file, so that an interrupted benchmark continues.

Rows count only as long as the command stands for the same settings: after a change of its experiment file, they are
measured again.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from commands import ROOT, compose_config, run_py

from prunesweep import config
from prunesweep.chain.environment import environment
from prunesweep.files import write_atomically
from prunesweep.results.flatten import leaves
from prunesweep.roles import Role, role_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """The runs of one command with several seeds.

    Attributes:
        file: The JSON file of the results.
        command: The arguments of `python run.py`, without the seed.
    """

    file: Path
    command: tuple[str, ...]

    def read(self) -> dict[str, Row]:
        """Return the rows by seed, none if they are of another command or of other settings."""
        if not self.file.exists():
            return {}
        record = json.loads(self.file.read_text())
        same = record["command"] == list(self.command) and record["settings"] == changed_settings(self.command)
        return record["seeds"] if same else {}

    def run(
        self, seeds: Iterable[int], elsewhere: Iterable[str] = (), more: Callable[[int, Path], Row] | None = None
    ) -> None:
        """Run the command with each seed that has no row yet, and write the row to the file.

        Args:
            seeds: The seeds.
            elsewhere: Overrides that change no result, such as `store.dir=...`.
            more: Called with the seed and the directory of a completed run. Returns what the row gains.
        """
        for seed in seeds:
            if str(seed) not in self.read():
                with tempfile.TemporaryDirectory() as folder:
                    overrides = (*self.command, f"seed={seed}", f"hydra.run.dir={folder}", *elsewhere)
                    subprocess.run(run_py(*overrides), check=True)
                    added = {} if more is None else more(seed, Path(folder))
                    self._add(seed, {**_row(Path(folder)), **added})

    def _add(self, seed: int, row: Row) -> None:
        seeds = {**self.read(), str(seed): row}
        ordered = dict(sorted(seeds.items(), key=lambda each: int(each[0])))
        self.file.parent.mkdir(exist_ok=True)
        settings = changed_settings(self.command)
        record = {"command": list(self.command), "settings": settings, "seeds": ordered}
        write_atomically(self.file, json.dumps(record, indent=1).encode() + b"\n")


@cache
def changed_settings(command: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings of the experiment that differ with `command` from the defaults, by dotted key."""
    defaults = _settings()
    return {key: value for key, value in _settings(*command).items() if key not in defaults or defaults[key] != value}


@cache
def _settings(*overrides: str) -> dict[str, Any]:
    """Return the settings with what `null` and references stand for, so that a default that moves voids no rows."""
    config.register()
    values = asdict(config.build(compose_config(*overrides)))
    return {key: value for key, value in leaves(values) if role_of(config.RunConfig, key) is Role.EXPERIMENT}


def figures(point: Row) -> Row:
    """Return what is recorded of a point of the trade-off. Errors are in percent, on the test images."""
    return {
        "error": round(100 * (1 - point["final"]["test_accuracy"]), 4),
        "params_nonzero": point["params_nonzero"],
        "sparsity": round(point["sparsity"], 6),
        "collapsed": point["collapsed"],
    }


def machine() -> str:
    """Return the part of the environment on which the rounding of a run with one thread depends."""
    here = environment("cpu", 1)
    return f"{here['device']}, torch {here['torch']}, one thread"


def _row(folder: Path) -> Row:
    result = json.loads((folder / "result.json").read_text())
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {
        "dense_error": round(100 * (1 - result["dense"]["test_accuracy"]), 4),
        **figures(result),
        "params_total": result["params_total"],
        "packed_bytes": result["packed_bytes"],
        "rounds": [figures(each) for each in result["rounds"]],
        "seconds": round(result["seconds"]),
        "digest": result["digest"],
        "machine": machine(),
        "commit": revision.stdout.strip(),
    }
