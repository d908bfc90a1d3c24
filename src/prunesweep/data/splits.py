"""A named data set as in-memory tensors: training, validation and test split, normalised once, with a fingerprint."""

from __future__ import annotations

import numpy as np

Raw = tuple[np.ndarray, np.ndarray]  # images [n, height, width, channels] uint8, labels [n] int64

SPLIT_SEED = 0


def stratified(labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of all but `size` of the examples, and of those `size`: the same for ever, each class in proportion.

    The examples are shuffled, ordered by class, and `size` of them are taken at equal distances.
    """
    # RandomState and not Generator: its stream is frozen, that of Generator may change with a release of NumPy.
    order = np.random.RandomState(SPLIT_SEED).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    chosen = order[np.arange(size) * len(labels) // size]
    return np.setdiff1d(order, chosen), np.sort(chosen)
