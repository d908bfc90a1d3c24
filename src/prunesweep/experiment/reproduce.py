"""Run a saved configuration again and compare the two run directories."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prunesweep.chain.state import tensor_hash
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError, printable
from prunesweep.experiment import provenance
from prunesweep.experiment import run as experiment
from prunesweep.experiment.run import Progress
from prunesweep.experiment.saved import load_weights, save_config
from prunesweep.results.flatten import leaves
from prunesweep.results.result import BOOKKEEPING, DURATIONS
from prunesweep.results.run_directory import RunDirectory, read_run
from prunesweep.store.settings import StoreSettings

UNLIMITED_GB = 1e6  # a reproduction must not evict entries from the user's store
SCORES = frozenset({"train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy"})
"""Last parts of the names that a tolerance applies to. Counts, and ratios of counts such as the sparsity, are exact."""


@dataclass(frozen=True)
class Difference:
    """A value of `result.json` that differs.

    Attributes:
        name: The dotted name of the value, such as `final.test_accuracy`.
        saved: The value of the saved run.
        repeated: The value of the repetition.
    """

    name: str
    saved: Any
    repeated: Any

    @property
    def is_numeric(self) -> bool:
        """Whether both values are numbers."""
        return all(isinstance(value, int | float) for value in (self.saved, self.repeated))

    def within(self, tolerance: float) -> bool:
        """Return whether the values are two scores or losses that differ by at most `tolerance`.

        Args:
            tolerance: The allowed difference, absolute or as a fraction of the larger value.
        """
        is_score = self.name.rpartition(".")[2] in SCORES and self.is_numeric
        return is_score and math.isclose(self.saved, self.repeated, rel_tol=tolerance, abs_tol=tolerance)

    def __str__(self) -> str:
        change = f" ({self.repeated - self.saved:+.6g})" if self.is_numeric else ""
        return f"{self.name}: {printable(self.saved)} -> {printable(self.repeated)}{change}"


@dataclass(frozen=True)
class Comparison:
    """The differences between a run and its repetition.

    Attributes:
        values: The values of `result.json` that differ, except for times and digests.
        tensors: One line for each tensor of the weights that differs.
        same_masks: Whether the same weights are pruned, or None if the run did not record a hash of its masks.
        explanations: Possible reasons for the differences, the most certain first.
    """

    values: tuple[Difference, ...]
    tensors: tuple[str, ...]
    same_masks: bool | None
    explanations: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether there are no differences."""
        return not self.values and not self.tensors and self.same_masks is not False

    def within(self, tolerance: float) -> bool:
        """Return whether the runs are identical, or differ only in scores and losses by at most `tolerance`.

        With a tolerance above 0, weights and masks may differ: two trainings that round differently end with different
        weights and nearly the same accuracy. The number of pruned weights must be equal, in total and in each layer.
        """
        return self.identical or (tolerance > 0 and all(value.within(tolerance) for value in self.values))

    def lines(self, tolerance: float) -> Iterator[str]:
        """Yield the comparison as lines of text, starting with the verdict."""
        if self.identical:
            yield "identical"
            return
        yield f"within the tolerance of {tolerance:g}" if self.within(tolerance) else "differs"
        yield from (f"  {value}" for value in self.values)
        if self.same_masks is False:
            yield "  masks: different weights are pruned"
        yield from (f"  {line}" for line in self.tensors)
        yield "Possible explanations:"
        yield from (f"  {explanation}" for explanation in self.explanations)


def reproduce(
    run: RunDirectory, config: RunConfig, out: Path | None, store: StoreSettings | None, progress: Progress
) -> tuple[RunDirectory, Comparison]:
    """Run the configuration of a saved run again and compare the results.

    Args:
        run: The saved run.
        config: The configuration of `run`, from `saved.load_config`.
        out: The new run directory. By default a new one below `outputs/`.
        store: A store whose finished steps may be used. By default every step is computed.
        progress: Shows the progress.

    Returns:
        The new run and the comparison.

    Raises:
        UsageError: `out` exists, or the settings do not fit this machine.
    """
    folder = out or Path("outputs") / f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}-reproduced"
    if folder.exists():
        raise UsageError(f"--out={folder}: exists already. Give a new directory.")
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as empty:
        settings = replace(store or StoreSettings(dir=empty), max_gb=UNLIMITED_GB)
        experiment.run(replace(config, store=settings), folder, run.overrides, progress)
    save_config(folder, config)
    repetition = read_run(folder)
    return repetition, compare(run, repetition)


def compare(run: RunDirectory, repetition: RunDirectory) -> Comparison:
    """Return the differences between a completed run and its repetition."""
    before, after = run.provenance or {}, repetition.provenance or {}
    values = tuple(_value_differences(run.result, repetition.result))
    tensors = tuple(_tensor_differences(load_weights(run), load_weights(repetition)))
    same_masks = before["masks"] == after.get("masks") if "masks" in before else None
    differences = Comparison(values, tensors, same_masks, ())
    return differences if differences.identical else replace(differences, explanations=tuple(_explain(run, repetition)))


def _value_differences(saved: Mapping[str, Any], repeated: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differing values. Fields that only `repeated` has are newer than the saved run and are ignored."""
    current = dict(_compared_values(repeated))
    for name, value in _compared_values(saved):
        other = current.get(name, "nothing")
        if value != other or type(value) is not type(other):
            yield Difference(name, value, other)


def _compared_values(result: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in leaves(dict(result)):
        parts = name.split(".")
        if parts[0] not in BOOKKEEPING and DURATIONS.isdisjoint(parts):
            yield name, value


def _tensor_differences(saved: Mapping[str, Tensor], repeated: Mapping[str, Tensor]) -> Iterator[str]:
    for name in sorted({*saved, *repeated}):
        a, b = saved.get(name), repeated.get(name)
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            yield f"{printable(name)}: {_describe(a)} -> {_describe(b)}"
        elif not torch.equal(a, b):
            largest = float((a.double() - b.double()).abs().max())
            yield f"{printable(name)}: {int((a != b).sum()):,} of {a.numel():,} values, by up to {largest:.3g}"


def _describe(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"


def _explain(run: RunDirectory, repetition: RunDirectory) -> Iterator[str]:
    """Yield possible reasons for the differences, the most certain first."""
    before, after = run.provenance, repetition.provenance
    assert after is not None
    digest = run.result["digest"]
    if before is None:
        yield "the run does not have a provenance.json: its environment is not known"
    else:
        if before.get("weights") != tensor_hash(load_weights(run)):
            yield "model.safetensors was changed after the run"
        if digest not in [step["digest"] for step in before["steps"]]:
            yield "result.json and provenance.json belong to different runs: one of them was changed after the run"
        for name, value, other in provenance.differences(before, after):
            yield f"{name}: {printable(value)} -> {printable(other)}"
        yield from _explain_chain(before, after)
    if digest == repetition.result["digest"]:
        yield (
            "the digests agree, so settings, data, code, torch, device and threads are the same: either the files of "
            "the run were changed afterwards, or this machine does not compute the same result twice"
        )


def _explain_chain(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield the first step that differs, unless the environment already explains why all digests differ."""
    saved, repeated = before["steps"], after["steps"]
    if saved == repeated or before["environment"] != after["environment"]:
        return
    pairs = zip(saved, repeated, strict=False)
    first = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(saved), len(repeated)))
    step = repeated[first]["step"] if first < len(repeated) else "the end"
    yield f"the chains differ from step {first} ({step}): the settings or the code of prunesweep were changed"
