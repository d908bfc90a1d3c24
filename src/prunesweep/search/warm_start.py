"""The first trial of a search for an allocation: what global magnitude pruning keeps of each layer.

Before the first trial, a run with `prune.scope=global` is executed. It is in the directory of the search like a trial,
as the baseline, and shares the dense training with the trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load

from prunesweep.errors import UsageError
from prunesweep.files import read_inside
from prunesweep.models.settings import MAX_WEIGHTS
from prunesweep.results.result import WEIGHTS
from prunesweep.results.run_directory import read_run
from prunesweep.search.dimensions import Value
from prunesweep.search.evaluation import TrialRun
from prunesweep.search.executing import Executor
from prunesweep.search.space import Space

SETTING = "hydra.sweeper.warm_start"
MAGNITUDE = "magnitude"
"""The value of the setting, and the directory of the run."""
OFFSETS = "prune.offsets."
"""The start of the keys of the offsets of layers."""


@dataclass(frozen=True)
class WarmStart:
    """A run before the first trial, and the trial that follows from it.

    Attributes:
        space: The space of the first trial. With successive halving, that of the lowest rung.
        overrides: The overrides of the run.
        seed: The seed of the run.
    """

    space: Space
    overrides: tuple[str, ...]
    seed: int

    def values(self, folder: Path, executor: Executor) -> dict[str, Value]:
        """Execute the run in the directory of the search `folder`, and return the combination of the first trial.

        Raises:
            UsageError: The run failed.
        """
        executor.start({0: [TrialRun(self.seed, self.overrides, MAGNITUDE)]}, 0)
        while MAGNITUDE not in executor.wait():
            pass
        run = read_run(folder / MAGNITUDE)
        if not run.completed:
            raise UsageError(f"{SETTING}={MAGNITUDE}: the run before the first trial failed: {run.error}")
        weights = load(read_inside(folder / MAGNITUDE, WEIGHTS, MAX_WEIGHTS))
        pruned = [layer["name"] for layer in run.result["layers"] if layer["sparsity"] > 0]
        kept = {name: (int((weights[f"{name}.weight"] != 0).sum()), weights[f"{name}.weight"].size) for name in pruned}
        return first_values(self.space, kept)


def warm_start(space: Space, start: Space, seed: int, longest: Mapping[str, Value]) -> WarmStart:
    """Return the warm start of a search over `space`.

    Args:
        space: The search space.
        start: The space of the first trial.
        seed: The seed of the run.
        longest: Values of the run for keys other than offsets, such as the largest number of epochs.

    Raises:
        UsageError: No offset is searched.
    """
    if not any(key.startswith(OFFSETS) for key in space.keys):
        raise UsageError(
            f"{SETTING}={MAGNITUDE}: sets the offsets of layers, such as {OFFSETS}conv1, and this search varies only "
            f"{', '.join(space.keys)}. Set {SETTING}=null."
        )
    values = space.complete(longest)
    others = {key: value for key, value in values.items() if not key.startswith(OFFSETS) and key != "prune.scope"}
    return WarmStart(start, (*space.overrides(others), "prune.scope=global"), seed)


def first_values(space: Space, kept: Mapping[str, tuple[int, int]]) -> dict[str, Value]:
    """Return the combination of `space` with the offsets that are nearest to an allocation.

    Args:
        space: The search space.
        kept: Layer -> the number of its weights that are kept, and of all its weights. An offset is the logarithm of
            the kept fraction of its layer, relative to the layers without an offset taken together. Of a layer without
            weights, half a weight counts as kept.
    """
    keys = [key for key in space.keys if key.startswith(OFFSETS)]
    searched = {key: key.removeprefix(OFFSETS) for key in keys}
    others = [each for layer, each in kept.items() if layer not in searched.values()] or list(kept.values())
    reference = math.log(max(sum(left for left, _ in others), 0.5) / sum(size for _, size in others))
    offsets = {
        key: math.log(max(kept[layer][0], 0.5) / kept[layer][1]) - reference
        for key, layer in searched.items()
        if layer in kept
    }
    return space.complete(space.exact(offsets))
