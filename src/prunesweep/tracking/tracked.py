"""What there is to tell about a completed run, whoever is told; and the seam to whoever that is."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.results.flatten import leaves

log = logging.getLogger(__name__)

ARTIFACTS = (".hydra/config.yaml", "result.json", "provenance.json", "model.safetensors")
POSITION = ("step", "epoch")


@dataclass(frozen=True)
class Tracked:
    """A completed run.

    Attributes:
        folder: its directory.
        sweep: the directory of the sweep that it belongs to, or None.
        config: its settings, nested.
        result: what `result.json` holds.
    """

    folder: Path
    sweep: Path | None
    config: Mapping[str, Any]
    result: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run as its sweep calls it, or its directory's last two parts: date and time."""
        return self.folder.relative_to(self.sweep).as_posix() if self.sweep else "/".join(self.folder.parts[-2:])

    def curves(self) -> Iterator[tuple[str, int, float]]:
        """Name, epoch and value of each figure of each epoch, dense training first; those from the store too.

        Epochs count from 1 over the whole run, also where a schedule goes back to an earlier one.
        """
        for number, entry in enumerate(self.result["history"], 1):
            yield from (
                (f"epoch/{key}", number, float(value))
                for key, value in entry.items()
                if key not in POSITION and isinstance(value, int | float)
            )

    def metrics(self) -> dict[str, float]:
        """The figures of the result: `final/test_accuracy`."""
        numbers = {**self.result, "history": None, "layers": None, "rounds": None}
        return {
            name.replace(".", "/"): float(value)
            for name, value in leaves(numbers)
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    def settings(self) -> dict[str, str]:
        """The settings under dotted names, as text."""
        return {name: str(value) for name, value in leaves(dict(self.config))}

    def artifacts(self) -> list[Path]:
        """The files of the run that are there."""
        return [path for name in ARTIFACTS if (path := self.folder / name).is_file()]


@dataclass
class Logger(ABC):
    """Who is told of completed runs. It changes no result and no digest."""

    name: str

    @abstractmethod
    def log(self, run: Tracked) -> None:
        """Tell of `run`; of one in the same directory again: in place of what was told before."""


def track(logger: Logger, run: Tracked) -> None:
    """Tell `logger` of `run`. The run is complete and stays so, whatever happens to a tracker: that is a warning."""
    try:
        logger.log(run)
    except Exception as error:  # a full disk, a server that is down, a release that behaves otherwise
        log.warning(
            "logger=%s: %s was not recorded (%s: %s). The run itself is complete.",
            logger.name,
            run.folder,
            type(error).__name__,
            error,
        )
