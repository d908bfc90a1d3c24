"""Check the weights of a run against what its directory records about them.

The directory may come from someone else, or may have been edited: `model.safetensors`, `result.json` and
`provenance.json` must belong to the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from prunesweep.chain.state import tensor_hash
from prunesweep.errors import UsageError
from prunesweep.export.verify import Accuracy
from prunesweep.results.result import PROVENANCE, RESULT, WEIGHTS
from prunesweep.results.run_directory import RunDirectory

ROUNDING = 1e-3
"""Fraction of images that may change class if the run was computed on another kind of machine."""


def check_origin(run: RunDirectory, weights: Mapping[str, Tensor]) -> None:
    """Check that the weights and the result of `run` are those that its `provenance.json` identifies.

    Args:
        run: A completed run.
        weights: Its parameters and buffers by name.

    Raises:
        UsageError: A file is missing or was changed after the run.
    """
    provenance = run.provenance or {}
    if "weights" not in provenance:
        raise UsageError(
            f"{run.folder / PROVENANCE}: is missing or does not have the hash of the weights, which would show that "
            "they are those of the run. `prunesweep reproduce` computes the run again, in a new directory."
        )
    try:
        actual = tensor_hash(weights)
    except TypeError:  # a type of numbers that numpy does not have, and no run writes
        actual = None
    if actual != provenance["weights"]:
        raise UsageError(
            f"{run.folder / WEIGHTS}: does not have the hash of the weights in {PROVENANCE}. One of the two files was "
            "changed after the run."
        )
    if run.result["digest"] not in [step["digest"] for step in provenance["steps"]]:
        raise UsageError(
            f"{run.folder / RESULT}: its digest is not in {PROVENANCE}. The two files belong to different runs, or one "
            "of them was changed after the run."
        )


def check_counts(
    run: RunDirectory, weights: Mapping[str, Tensor], sizes: Mapping[str, int], masked: Sequence[str]
) -> None:
    """Check the numbers of parameters in the result of `run` against its weights.

    A pruned weight is exactly zero. A kept weight can be zero as well, for example an untrained bias. If the zeros are
    exactly the pruned weights, according to the hash of the masks in `provenance.json`, the number must be equal.
    Otherwise at most the zeros of the parameters with masks are pruned.

    Args:
        run: A completed run.
        weights: Its parameters and buffers by name.
        sizes: The number of weights of each parameter of the dense network by name.
        masked: The parameters that have masks.

    Raises:
        UsageError: `params_total` or `params_nonzero` is wrong.
    """
    kept = {name: weights[name] != 0 for name in masked}
    total = sum(sizes.values())
    nonzero = total - sum(int((~mask).sum()) for mask in kept.values())
    exact = tensor_hash(kept) == (run.provenance or {}).get("masks")
    _check_count(run, "params_total", total, total)
    _check_count(run, "params_nonzero", nonzero, nonzero if exact else total)


def _check_count(run: RunDirectory, name: str, low: int, high: int) -> None:
    recorded = run.result[name]
    if not low <= recorded <= high:
        counted = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        raise UsageError(
            f"{run.folder / RESULT}: {name}={recorded:,}, but the weights have {counted}. The file was changed after "
            "the run. Nothing was exported."
        )


def check_accuracy(folder: Path, measured: Accuracy, recorded: float, *, same_machine: bool) -> None:
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
