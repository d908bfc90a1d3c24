"""`logger=tensorboard`: event files in each run directory. `tensorboard --logdir multirun` shows all runs together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from prunesweep.errors import need_extra
from prunesweep.results.run_directory import CONFIG, RunDirectory
from prunesweep.tracking.content import curves, metrics, settings
from prunesweep.tracking.logger import Logger

FOLDER = "tensorboard"
EVENTS = "events.out.tfevents.*"


@dataclass
class TensorBoard(Logger):
    """Writes curves and final metrics as scalars, settings for the HPARAMS page, config and result as text."""

    name: str = "tensorboard"

    def __post_init__(self) -> None:
        need_extra("logger=tensorboard", "tensorboard", "tensorboard")

    def log(self, run: RunDirectory, sweep: Path | None) -> None:  # noqa: ARG002  event files need no parent
        from torch.utils.tensorboard.summary import hparams
        from torch.utils.tensorboard.writer import SummaryWriter

        folder = run.folder / FOLDER
        for earlier in folder.glob(EVENTS):
            earlier.unlink()
        final = metrics(run)
        result = {**run.result, "history": "see the curves"}
        with SummaryWriter(str(folder)) as writer:
            for summary in hparams(settings(run), dict.fromkeys(final)):
                writer.file_writer.add_summary(summary)
            for name, value in final.items():
                writer.add_scalar(name, value)
            for name, epoch, value in curves(run):
                writer.add_scalar(name, value, epoch)
            writer.add_text("config", _markdown_code((run.folder / CONFIG).read_text("utf-8")))
            writer.add_text("result", _markdown_code(json.dumps(result, indent=2, ensure_ascii=False)))


def _markdown_code(text: str) -> str:
    """Return `text` as an indented code block."""
    return "".join(f"    {line}\n" for line in text.splitlines())
