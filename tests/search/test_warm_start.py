import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from fakes import fake_fields
from safetensors.numpy import save_file
from searches import short

from prunesweep.errors import UsageError
from prunesweep.experiment.saved import save_config
from prunesweep.results.result import write, write_failed
from prunesweep.search.dimensions import Choice, stepped
from prunesweep.search.evaluation import TrialRun
from prunesweep.search.space import Space
from prunesweep.search.warm_start import WarmStart, first_values, warm_start

STEP = Decimal("0.25")
SPACE = Space.of(
    [
        stepped("prune.offsets.conv1", Decimal(-1), Decimal(5), STEP),
        stepped("prune.offsets.fc2", Decimal(-1), Decimal(5), STEP),
        Choice("finetune.epochs", (1, 3)),
    ],
    {},
)


def test_offsets_are_relative_to_the_layers_without_one() -> None:
    kept = {"conv1": (40, 100), "fc1": (100, 10_000), "fc2": (20, 1_000)}  # 40 %, 1 %, 2 %
    assert first_values(SPACE, kept) == {
        "prune.offsets.conv1": 3.75,  # ln 40 = 3.69
        "prune.offsets.fc2": 0.75,  # ln 2 = 0.69
        "finetune.epochs": 1,
    }


def test_offsets_stay_within_their_range() -> None:
    kept = {"conv1": (100, 100), "fc1": (1, 10_000), "fc2": (0, 1_000)}
    values = first_values(SPACE, kept)
    assert values["prune.offsets.conv1"] == 5  # of ln 10,000
    assert values["prune.offsets.fc2"] == 1.5  # half a weight of 1,000 counts: ln 5 = 1.61


def test_without_other_layers_offsets_are_relative_to_all_together() -> None:
    values = first_values(SPACE, {"conv1": (50, 100), "fc2": (50, 900)})
    assert values["prune.offsets.conv1"] == pytest.approx(math.log(5), abs=0.125)
    assert values["prune.offsets.fc2"] == pytest.approx(math.log(5 / 9), abs=0.125)


def test_the_run_prunes_by_global_magnitude_with_the_longest_training() -> None:
    assert warm_start(SPACE, SPACE, 3, {"finetune.epochs": 3}) == WarmStart(
        SPACE, ("finetune.epochs=3", "prune.scope=global"), 3
    )


def test_a_search_without_offsets_is_refused() -> None:
    space = Space.of([Choice("finetune.epochs", (1, 3))], {})
    with pytest.raises(UsageError, match=r"warm_start=magnitude: sets the offsets .* varies only finetune.epochs"):
        warm_start(space, space, 0, {})


PRUNED = {"conv1": 0.5, "fc1": 0.9, "fc2": 0.0}


class OneRun:
    """An executor that writes what a run leaves, or fails."""

    shows_progress = False
    free = 1

    def __init__(self, folder: Path, *, fails: bool = False) -> None:
        self.folder = folder
        self.fails = fails
        self.directories: list[str] = []

    def start(self, trials: Mapping[int, Sequence[TrialRun]], expected: int) -> None:
        ((run,),) = trials.values()
        target = self.folder / run.directory
        save_config(target, short())
        if self.fails:
            write_failed(target, run.overrides, ValueError("no data"))
        else:
            fields = fake_fields(0.9, run.seed, *run.overrides)
            fields["layers"] = [
                {"name": name, "kind": "fc", "total": 10, "nonzero": 5, "sparsity": pruned}
                for name, pruned in PRUNED.items()
            ]
            write(target, fields)
            weights = {"conv1": np.array([1.0, 0.0]), "fc1": np.array([1.0] + 9 * [0.0]), "fc2": np.ones(3)}
            save_file({f"{name}.weight": value for name, value in weights.items()}, target / "model.safetensors")
        self.directories.append(run.directory)

    def wait(self) -> Collection[str]:
        return self.directories


def test_the_first_trial_has_the_allocation_of_the_run(tmp_path: Path) -> None:
    found = WarmStart(SPACE, ("prune.scope=global",), 0).values(tmp_path, OneRun(tmp_path))
    assert found == {"prune.offsets.conv1": 1.5, "prune.offsets.fc2": -1, "finetune.epochs": 1}  # ln 5 = 1.61
    assert (tmp_path / "magnitude" / "result.json").exists()


def test_a_run_that_fails_ends_the_search(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"warm_start=magnitude: the run before the first trial failed: .*no data"):
        WarmStart(SPACE, (), 0).values(tmp_path, OneRun(tmp_path, fails=True))
