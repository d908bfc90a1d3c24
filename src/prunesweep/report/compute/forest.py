"""fANOVA: which part of the variance each setting causes in a search, whose settings do not form a grid.

Optuna fits a random forest to the results and takes the variance of its predictions apart (Hutter, Hoos and
Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prunesweep.report.compute.shares import Share, share

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DEPTH = 6
"""The depth of the trees. Deeper ones learn the noise, and take long to take apart."""
TREES = 32
HALVES = 12
"""From how many halves of the settings the uncertainty is estimated."""
TREES_OF_HALF = 8
REST = "interactions and noise"

Numbers = NDArray[np.float64]


def forest(names: Sequence[str], columns: Numbers, categories: Sequence[int], y: Numbers) -> list[Share] | None:
    """Return the share of each setting, then that of interactions and noise.

    The standard error is the standard deviation over forests with different seeds, each fitted to another random half
    of the settings (a delete-d jackknife with d = n / 2: Shao and Wu, "A general theory for jackknife variance
    estimation", 1989). It contains the chance of the forest and that of the sample.

    Args:
        names: The names of the settings.
        columns: Shape (settings, names): the values, or for categories their numbers.
        categories: For each name the number of categories, 0 for a number.
        y: Shape (settings,): what is measured.

    Returns:
        None if `y` is constant.
    """
    if np.ptp(y) < 1e-12:
        return None
    spaces = [_distribution(column, count) for column, count in zip(columns.T, categories, strict=True)]
    estimates = _with_rest(_evaluated(names, columns, spaces, y, TREES, 0))
    generator = np.random.default_rng(0)
    halves = []
    for seed in range(1, HALVES + 1):
        taken = np.sort(generator.permutation(len(y))[: len(y) // 2])
        halves.append(_with_rest(_evaluated(names, columns[taken], spaces, y[taken], TREES_OF_HALF, seed)))
    errors = np.std(halves, axis=0, ddof=1)
    found = zip([*names, REST], estimates, errors, strict=True)
    return [share(name, float(estimate), float(error), HALVES - 1) for name, estimate, error in found]


def _with_rest(shares: Numbers) -> Numbers:
    return np.append(shares, 1 - shares.sum())


def _distribution(column: Numbers, categories: int) -> BaseDistribution:
    """Return the range of a setting.

    Categories are whole numbers, each with the same weight. Optuna's categories would take a time that is exponential
    in their number.
    """
    from optuna.distributions import FloatDistribution, IntDistribution

    if categories:
        return IntDistribution(0, categories - 1)
    return FloatDistribution(float(column.min()), float(column.max()))


def _evaluated(
    names: Sequence[str], columns: Numbers, spaces: Sequence[BaseDistribution], y: Numbers, trees: int, seed: int
) -> Numbers:
    """Return Optuna's importance of each setting, not normalized. Without any difference, all are 0."""
    from optuna import logging
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.study import create_study
    from optuna.trial import create_trial

    distributions = dict(zip(names, spaces, strict=True))
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)  # otherwise, each study is reported
    try:
        study = create_study()
    finally:
        logging.set_verbosity(verbosity)
    for row, value in zip(columns.tolist(), y.tolist(), strict=True):
        params = dict(zip(names, row, strict=True))
        study.add_trial(create_trial(params=params, distributions=distributions, value=value))
    try:
        found = FanovaImportanceEvaluator(n_trees=trees, max_depth=DEPTH, seed=seed).evaluate(study)
    except RuntimeError:  # no tree has seen the few results that differ
        return np.zeros(len(names))
    return np.array([found[name] for name in names])
