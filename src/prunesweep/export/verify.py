"""Check that an exported network is the network of its run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from prunesweep.chain.seeding import evaluating
from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.export.protocol import Network
from prunesweep.training.loop import EVALUATION_BATCH

TOLERANCE = 1e-4
"""Allowed difference of a logit in formats that are not exact, absolute and as a fraction of the largest logit."""


@dataclass(frozen=True)
class Accuracy:
    """The number of correctly classified images and the number of all images of a split."""

    correct: int
    total: int

    @property
    def fraction(self) -> float:
        """Correct / total."""
        return self.correct / self.total


def compute_logits(network: Network, split: Split) -> Tensor:
    """Return the logits `[n, classes]` of all images of `split`, computed in the batches of a run's evaluation."""
    with torch.inference_mode(), evaluating("cpu"):
        return torch.cat([network(images.clone()) for images in split.images.split(EVALUATION_BATCH)])


def accuracy(logits: Tensor, split: Split) -> Accuracy:
    """Return the accuracy of `logits` `[n, classes]` on the images of `split`."""
    return Accuracy(int((logits.argmax(1) == split.labels).sum()), len(split))


def check_same_network(form: str, expected: Tensor, actual: Tensor, *, exact: bool) -> float:
    """Check that two networks agree on the same images, and return the largest difference of their logits.

    Args:
        form: The name of the format, for the message.
        expected: Logits `[n, classes]` of the run's network.
        actual: Logits `[n, classes]` of the network read back from the file.
        exact: Whether the logits must be equal.

    Raises:
        UsageError: The logits differ by more than the tolerance, or an image is classified differently.
    """
    difference = float((expected - actual).abs().max()) if expected.shape == actual.shape else float("inf")
    allowed = 0.0 if exact else TOLERANCE * max(1.0, float(expected.abs().max()))
    if not difference <= allowed:
        raise UsageError(
            f"--format={form}: the network in the file is not the run's network: its logits differ by up to "
            f"{difference:.3g}, allowed is {allowed:.3g}. Nothing was exported."
        )
    changed = int((expected.argmax(1) != actual.argmax(1)).sum())
    if changed:
        raise UsageError(
            f"--format={form}: the network in the file classifies {changed:,} of {len(actual):,} test images "
            "differently from the run's network. Nothing was exported."
        )
    return difference
