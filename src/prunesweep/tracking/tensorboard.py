"""`logger=tensorboard`: event files in each run directory; `tensorboard --logdir multirun` shows them all together."""

from __future__ import annotations

import json
from dataclasses import dataclass

from prunesweep.errors import need_extra
from prunesweep.tracking.tracked import Logger, Tracked

FOLDER = "tensorboard"
EVENTS = "events.out.tfevents.*"


@dataclass
class TensorBoard(Logger):
    """Curves and final figures as scalars; settings for the HPARAMS page; config and result as text."""

    name: str = "tensorboard"

    def __post_init__(self) -> None:
        need_extra("logger=tensorboard", "tensorboard", "tensorboard")

    def log(self, run: Tracked) -> None:
        from torch.utils.tensorboard.summary import hparams
        from torch.utils.tensorboard.writer import SummaryWriter

        folder = run.folder / FOLDER
        for old in folder.glob(EVENTS):
            old.unlink()
        metrics = run.metrics()
        with SummaryWriter(str(folder)) as writer:
            for summary in hparams(run.settings(), dict.fromkeys(metrics)):
                writer.file_writer.add_summary(summary)
            for name, value in metrics.items():
                writer.add_scalar(name, value)
            for name, epoch, value in run.curves():
                writer.add_scalar(name, value, epoch)
            writer.add_text("config", _code(run.config))
            writer.add_text("result", _code({**run.result, "history": "…"}))


def _code(values: object) -> str:
    """`values` as a block of Markdown code."""
    return "".join(f"    {line}\n" for line in json.dumps(values, indent=2, ensure_ascii=False).splitlines())
