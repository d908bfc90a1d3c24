"""The stratified split of a data set into two parts."""

from __future__ import annotations

import numpy as np

SPLIT_SEED = 0
"""The seed of every split. A split does not depend on the seed of a run."""


def stratified_split(labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Split examples into a rest and a held-out part of `size` examples, with the same share of each class.

    The examples are shuffled and ordered by class. Every `n / size`-th of them is held out.

    Args:
        labels: the class of each example, `[n]`.
        size: the number of examples to hold out.

    Returns:
        The sorted indices of the rest, `[n - size]`, and of the held-out part, `[size]`.
    """
    # RandomState rather than Generator: its stream is frozen, while that of Generator may change between releases.
    order = np.random.RandomState(SPLIT_SEED).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    held_out = order[np.arange(size) * len(labels) // size]
    return np.setdiff1d(order, held_out), np.sort(held_out)
