"""Check that an exported network is the network of its run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.export.protocol import Network
from prunesweep.training.loop import EVALUATION_BATCH

TOLERANCE = 1e-4
"""Allowed difference of a logit in formats that are not exact, absolute and as a fraction of the largest logit."""

ROUNDING = 1e-3
"""Fraction of images that may change class if the run was computed on another kind of machine."""


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
    with torch.inference_mode():
        return torch.cat([network(images) for images in split.images.split(EVALUATION_BATCH)])


def accuracy(logits: Tensor, split: Split) -> Accuracy:
    """Return the accuracy of `logits` `[n, classes]` on the images of `split`."""
    return Accuracy(int((logits.argmax(1) == split.labels).sum()), len(split))


def check_recorded_accuracy(folder: Path, measured: Accuracy, recorded: float, *, same_machine: bool) -> None:
    """Check the accuracy of the run's network against `result.json`.

    Args:
        folder: The run directory, for the message.
        measured: The accuracy measured now.
        recorded: The accuracy in `result.json`.
        same_machine: Whether this kind of machine computed the run. Then the accuracies must be equal. Otherwise they
            may differ by the fraction `ROUNDING` of the images.

    Raises:
        UsageError: The accuracies do not agree.
    """
    allowed = 0 if same_machine else max(1, round(ROUNDING * measured.total))
    difference = abs(measured.correct - recorded * measured.total)
    if not difference <= allowed + 0.01:  # the product is rounded by much less than 0.01 images
        raise UsageError(
            f"{folder}: its weights classify {measured.correct:,} of {measured.total:,} test images correctly "
            f"({measured.fraction:.4f}), but result.json records {recorded:.4f}. Nothing was exported."
        )


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
