"""What a network read back from a file scores, and whether it is the run's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.training.loop import EVALUATION_BATCH

Network = Callable[[Tensor], Tensor]
"""Normalized images `[n, channels, height, width]` -> logits `[n, classes]`, on the CPU."""

NEAR = 1e-4
"""By how much a logit may differ where another program computes it, absolutely and as a fraction of the largest."""

ROUNDING = 1e-3
"""The fraction of images whose class may change where the run was computed on another kind of machine."""


@dataclass(frozen=True)
class ImageCount:
    """Correctly classified images of a split, and all of them."""

    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """Correct / total."""
        return self.correct / self.total


def logits(network: Network, split: Split) -> Tensor:
    """The logits `[n, classes]` of all images of `split`, in the batches of a run's own evaluation."""
    with torch.inference_mode():
        return torch.cat([network(images) for images in split.images.split(EVALUATION_BATCH)])


def count(found: Tensor, split: Split) -> ImageCount:
    """How many of the logits `found` are largest at the image's class."""
    return ImageCount(int((found.argmax(1) == split.labels).sum()), len(split))


def check_recorded(folder: Path, here: ImageCount, recorded: float, *, same_machine: bool) -> None:
    """Raise `UsageError` unless the run's network scores here what `result.json` says, exactly on the same machine."""
    allowed = 0 if same_machine else max(1, round(ROUNDING * here.total))
    if not abs(here.correct - recorded * here.total) <= allowed + 0.01:  # 0.01 of an image: the product is rounded
        raise UsageError(
            f"{folder}: its weights classify {here.correct:,} of {here.total:,} test images correctly "
            f"({here.accuracy:.4f}), but result.json says {recorded:.4f}. Nothing was exported."
        )


def check_same(name: str, expected: Tensor, found: Tensor, *, exact: bool) -> float:
    """The largest difference between two networks' logits on the same images.

    Raises:
        UsageError: they are not the same network: other logits, or another class for an image.
    """
    apart = float((expected - found).abs().max()) if expected.shape == found.shape else float("inf")
    allowed = 0.0 if exact else NEAR * max(1.0, float(expected.abs().max()))
    if not apart <= allowed:
        raise UsageError(
            f"--format {name}: what was read back is not the run's network: its logits are up to {apart:.3g} apart, "
            f"allowed is {allowed:.3g}. Nothing was exported."
        )
    changed = int((expected.argmax(1) != found.argmax(1)).sum())
    if changed:
        raise UsageError(
            f"--format {name}: what was read back decides otherwise on {changed:,} of {len(found):,} test images. "
            "Nothing was exported."
        )
    return apart
