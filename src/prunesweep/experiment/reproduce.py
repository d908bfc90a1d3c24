"""A saved run, run again from nothing and compared: identical, or what differs, by how much, and why perhaps."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from prunesweep.errors import UsageError
from prunesweep.experiment import provenance, saved
from prunesweep.experiment import run as experiment
from prunesweep.experiment.run import Progress
from prunesweep.experiment.saved import Saved, shown
from prunesweep.files import write_atomically
from prunesweep.results.flatten import leaves
from prunesweep.store.settings import StoreSettings

NOT_COMPARED = {"digest", "dense_digest", "overrides", "steps_cached", "schema_version"}
TIMED = re.compile(r"seconds|latency|(^|_)ms($|_)")
KEEP_ALL = 1e6  # gigabytes: running again evicts nothing from a store in use


@dataclass(frozen=True)
class Difference:
    """One figure that differs: its dotted name, as saved, as found now."""

    name: str
    saved: Any
    again: Any

    def within(self, tolerance: float) -> bool:
        """Whether both are numbers, and at most `tolerance` apart, as such or as a fraction of the larger."""
        numbers = all(isinstance(value, int | float) for value in (self.saved, self.again))
        return numbers and math.isclose(self.saved, self.again, rel_tol=tolerance, abs_tol=tolerance)

    def __str__(self) -> str:
        numbers = all(isinstance(value, int | float) for value in (self.saved, self.again))
        apart = f" ({self.again - self.saved:+.6g})" if numbers else ""
        return f"{self.name}: {shown(self.saved)} -> {shown(self.again)}{apart}"


@dataclass(frozen=True)
class Comparison:
    """How a run and its repetition compare.

    Attributes:
        figures: what differs in `result.json`, times and digests aside.
        tensors: how the weights differ, a line for each tensor that does.
        masks: whether the pruned positions are the same; None where the run recorded no hash of them.
        reasons: what could explain the differences.
    """

    figures: tuple[Difference, ...]
    tensors: tuple[str, ...]
    masks: bool | None
    reasons: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        return not self.figures and not self.tensors and self.masks is not False

    def within(self, tolerance: float) -> bool:
        """Whether it is identical or, for a `tolerance` above 0, every figure is that near; weights may differ then."""
        return self.identical or (tolerance > 0 and all(figure.within(tolerance) for figure in self.figures))

    def lines(self, tolerance: float) -> Iterator[str]:
        """The comparison as text, the verdict first."""
        if self.identical:
            yield "identical"
            return
        yield f"within the tolerance of {tolerance:g}" if self.within(tolerance) else "differs"
        yield from (f"  {figure}" for figure in self.figures)
        if self.masks is False:
            yield "  masks: other weights are pruned"
        yield from (f"  {line}" for line in self.tensors)
        yield "What could explain it:"
        yield from (f"  {reason}" for reason in self.reasons)


def reproduce(run: Saved, out: Path | None, store: StoreSettings | None, progress: Progress) -> tuple[Path, Comparison]:
    """Run `run` again, into the new directory `out`, and compare; without `store` from an empty one.

    Raises:
        UsageError: `out` is there already, or the settings do not fit this machine.
    """
    folder = out or Path("outputs") / f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}-reproduced"
    if folder.exists():
        raise UsageError(f"--out={folder}: is there already. Give a new directory.")
    overrides = run.result.get("overrides")
    overrides = overrides if isinstance(overrides, list) else []
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as empty:
        settings = store or StoreSettings(dir=empty)
        config = replace(run.config, store=replace(settings, max_gb=KEEP_ALL))
        experiment.run(config, folder, [str(text) for text in overrides], progress)
    write_atomically(folder / saved.CONFIG, OmegaConf.to_yaml(asdict(run.config)).encode())
    again = saved.read(folder, trust=True)
    return folder, compare(run, again)


def compare(run: Saved, again: Saved) -> Comparison:
    """How the run `again` differs from `run`."""
    before, after = run.provenance or {}, again.provenance or {}
    figures = tuple(_figures(run.result, again.result))
    tensors = tuple(_tensors(run.weights(), again.weights()))
    masks = before.get("masks") == after.get("masks") if "masks" in before else None
    same = not figures and not tensors and masks is not False
    return Comparison(figures, tensors, masks, () if same else tuple(_reasons(run, again)))


def _figures(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    """What `one` told that `other` tells otherwise; fields that `one` did not know yet are no difference."""
    found = dict(_flat(other))
    for name, value in _flat(one):
        again = found.get(name, "nothing")
        if value != again or type(value) is not type(again):
            yield Difference(name, value, again)


def _flat(result: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in leaves(dict(result)):
        parts = name.split(".")
        if parts[0] not in NOT_COMPARED and not any(TIMED.search(part) for part in parts):
            yield name, value


def _tensors(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> Iterator[str]:
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            yield f"{shown(name)}: {_kind(a)} -> {_kind(b)}"
        elif not torch.equal(a, b):
            apart = (a.double() - b.double()).abs()
            yield f"{shown(name)}: {int((a != b).sum()):,} of {a.numel():,} values, by up to {float(apart.max()):.3g}"


def _kind(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"


def _reasons(run: Saved, again: Saved) -> Iterator[str]:
    """What could explain that the two differ, the surest first."""
    before, after = run.provenance, again.provenance
    assert after is not None
    if before is None:
        yield "the run recorded no provenance.json: its environment is not known"
    else:
        if before.get("weights") != provenance.tensor_hash(run.weights()):
            yield "model.safetensors is not what the run wrote: changed afterwards"
        steps = before.get("steps") or [{}]
        if run.result.get("digest") not in [step.get("digest") for step in steps]:
            yield "result.json and provenance.json are not of the same run: changed afterwards"
        differences = provenance.differences(before, after)
        yield from (f"{name}: {shown(one)} -> {shown(other)}" for name, one, other in differences)
        yield from _of_the_chain(before, after)
    if run.result.get("digest") == again.result.get("digest"):
        yield (
            "the digests agree: the same settings, data, code of the network, torch, device and threads. So the run's "
            "files were changed afterwards, or this machine does not compute the same thing twice"
        )


def _of_the_chain(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    one, other = before.get("steps", []), after["steps"]
    pairs = zip(one, other, strict=False)
    first = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    if first == len(one) == len(other) or before.get("environment") != after["environment"]:
        return  # the same chain; or digests that differ from the root on and tell nothing about the steps
    named = other[first]["step"] if first < len(other) else "the end"
    yield f"the chains part at step {first} ({named}): other settings than the run had, or other code of prunesweep"
