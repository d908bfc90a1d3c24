"""Analysis of variance of a grid: which part of the variance each setting causes, with a bootstrap interval.

Main effects have sums of squares of type II: what a setting explains in addition to all others. In a complete grid
these are the classical ones. Each share is epsilon squared (Kelley, "An unbiased correlation ratio measure", 1935): the
sum of squares minus what noise alone contributes to it, divided by the total. So the expected share of a setting
without an effect is 0, whatever its number of values, and the shares of settings, interactions and noise add up to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prunesweep.report.compute.shares import Share, share

REPETITIONS = 400
"""The number of bootstrap samples."""
MAMMEN = ((1 - 5**0.5) / 2, (1 + 5**0.5) / 2)
PROBABILITIES = (MAMMEN[1] / 5**0.5, -MAMMEN[0] / 5**0.5)
"""The factors of the residuals of a wild bootstrap: mean 0, variance 1, and third moment 1."""
MIN_FREEDOM = 3
"""The least degrees of freedom from which the noise can be estimated."""
INTERACTIONS, SEEDS, REST = "interactions", "seeds", "interactions and noise"

Codes = NDArray[np.intp]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """The values of the settings of each run.

    Attributes:
        codes: Shape (runs, settings): the number of the value of each setting.
    """

    codes: Codes

    @cached_property
    def cell(self) -> Codes:
        """The number of the combination of values of each run. Shape (runs,)."""
        return np.unique(self.codes, axis=0, return_inverse=True)[1].reshape(-1)

    @cached_property
    def main(self) -> Numbers:
        """An orthonormal basis of all main effects and the mean. Shape (runs, rank)."""
        return _basis(self.codes)

    @cached_property
    def without(self) -> list[Numbers]:
        """For each setting, such a basis of the others."""
        return [_basis(np.delete(self.codes, number, axis=1)) for number in range(self.codes.shape[1])]

    @property
    def repeated(self) -> bool:
        """Whether enough combinations have several runs to estimate the noise from them."""
        return len(self.cell) - self._cells >= MIN_FREEDOM

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the noise. Without repetitions, interactions count as noise."""
        return len(self.cell) - (self._cells if self.repeated else self.main.shape[1])

    @property
    def _cells(self) -> int:
        return int(self.cell.max()) + 1

    def fitted(self, y: Numbers) -> Numbers:
        """Return what the settings explain: the mean of each combination, or without repetitions the main effects.

        Args:
            y: Shape (runs, samples).
        """
        if not self.repeated:
            return self.main @ (self.main.T @ y)
        order = np.argsort(self.cell, kind="stable")
        starts = np.flatnonzero(np.diff(self.cell[order], prepend=-1))
        means = np.add.reduceat(y[order], starts, axis=0) / np.bincount(self.cell)[:, None]
        return means[self.cell]


def analysis(names: Sequence[str], codes: Codes, y: Numbers) -> list[Share] | None:
    """Return the share of each setting, then those of interactions and of noise.

    The intervals are those of a wild bootstrap (Mammen, "Bootstrap and wild bootstrap for high dimensional linear
    models", 1993), because networks that are nearly destroyed vary more than others. Its seed is fixed.

    Args:
        names: The names of the settings.
        codes: Shape (runs, settings): the number of the value of each setting, from 0.
        y: Shape (runs,): what is measured.

    Returns:
        None if `y` is constant, or if there are too few runs to estimate the noise.
    """
    design = Design(codes)
    if design.freedom < MIN_FREEDOM or np.ptp(y) < 1e-12:
        return None
    measured = y[:, None] - y.mean()
    fitted = design.fitted(measured)
    residuals = (measured - fitted) * np.sqrt(len(y) / design.freedom)
    factors = np.random.default_rng(0).choice(MAMMEN, (len(y), REPETITIONS), p=PROBABILITIES)
    errors = _shares(design, fitted + residuals * factors).std(axis=1)
    labels = [*names, *((INTERACTIONS, SEEDS) if design.repeated else (REST,))]
    found = zip(labels, _shares(design, measured)[:, 0], errors, strict=True)
    return [share(label, float(estimate), float(error), design.freedom) for label, estimate, error in found]


def _shares(design: Design, y: Numbers) -> Numbers:
    """Return epsilon squared of each setting, and the rest. Shape (settings + 1 or 2, samples)."""
    y = y - y.mean(axis=0)
    total = _squares(y)
    noise = _squares(y - design.fitted(y)) / design.freedom
    explained = _squares(design.main.T @ y)
    effects = [
        explained - _squares(other.T @ y) - (design.main.shape[1] - other.shape[1]) * noise for other in design.without
    ]
    seeds = [(len(y) - 1) * noise] if design.repeated else []
    rest = total - np.sum([*effects, *seeds], axis=0)
    shares: Numbers = np.stack([*effects, rest, *seeds]) / total
    return shares


def _squares(values: Numbers) -> Numbers:
    squares: Numbers = np.einsum("ij,ij->j", values, values)
    return squares


def _basis(codes: Codes) -> Numbers:
    """Return an orthonormal basis of the mean and of one indicator for each value. Shape (runs, rank)."""
    indicators = [np.eye(int(column.max()) + 1)[column] for column in codes.T]
    left, sizes, _ = np.linalg.svd(np.hstack([np.ones((len(codes), 1)), *indicators]), full_matrices=False)
    return left[:, sizes > 1e-8 * sizes[0]]
