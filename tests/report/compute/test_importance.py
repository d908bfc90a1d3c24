from pathlib import Path

import numpy as np
import pytest
from fakes import fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import experiments
from prunesweep.report.compute.importance import MAX_LEVELS, Importance, importance, is_grid
from prunesweep.results.run_directory import Value


def of(folder: Path, *keys: str) -> Importance | None:
    runs = gather([folder]).completed
    groups = experiments(runs)
    return importance(keys, range(len(groups)), runs, groups)


def write_grid(folder: Path, seeds: int) -> None:
    """Write two criteria at three amounts. The second criterion is worse by 2 points at each."""
    cells = [(c, a, s) for c in ("l1", "random") for a in (0.5, 0.8, 0.9) for s in range(seeds)]
    for number, (criterion, amount, seed) in enumerate(cells):
        fields = fake_fields(amount, seed, digest=str(number))
        fields["final"]["val_accuracy"] = 0.95 - 0.02 * (criterion == "random") + 0.001 * seed
        fake_run(folder / str(number), fields, prune__criterion=criterion)


def test_a_grid_has_an_analysis_of_variance(tmp_path: Path) -> None:
    write_grid(tmp_path, seeds=3)
    found = of(tmp_path, "prune.criterion", "prune.amount")
    assert found is not None
    assert (found.method, found.used, found.of) == ("variance", 18, 18)
    assert found.accuracy is not None
    assert found.accuracy[0].share > 0.98
    assert found.size is not None
    assert [each.share for each in found.size] == pytest.approx([0, 1, 0, 0], abs=1e-9), "only the amount prunes"
    assert found.sentence.startswith("Validation accuracy depends most on prune.criterion: 99 % of its variance (95 %")
    assert found.sentence.endswith("Size depends most on prune.amount: 100 % of its variance.")


def test_too_few_runs_and_single_settings_have_no_importance(tmp_path: Path) -> None:
    write_grid(tmp_path, seeds=1)
    assert of(tmp_path, "prune.criterion", "prune.amount") is None
    assert of(tmp_path, "prune.amount") is None


def test_a_search_has_a_forest(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for number in range(24):
        amount = round(float(generator.uniform(0.4, 0.99)), 4)
        fields = fake_fields(amount, 0, digest=str(number))
        fake_run(tmp_path / str(number), fields, prune__criterion=("l1", "random")[number % 2])
    found = of(tmp_path, "prune.criterion", "prune.amount")
    assert found is not None
    assert (found.method, found.used, found.of) == ("forest", 24, 24)
    assert found.accuracy is not None
    assert found.accuracy[1].share > 0.7 > found.accuracy[0].share


def columns(*levels: int, without: int = 0) -> list[list[Value]]:
    cells = list(np.ndindex(levels))[without:]
    return [[int(value) for value in column] for column in zip(*cells, strict=True)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (columns(2, 3), True),
        (columns(2, 6, without=3), True),  # three failed
        (columns(2, 6, without=4), False),
        ([[0, 1, 2, 3], [0, 1, 2, 3]], False),
        (columns(MAX_LEVELS + 1, 2), False),
    ],
)
def test_a_grid_has_most_combinations_of_few_values(given: list[list[Value]], expected: bool) -> None:
    assert is_grid(given) is expected
