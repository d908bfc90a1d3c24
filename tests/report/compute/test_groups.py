from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import Spread, duplicates, experiments, over_seeds


def test_a_spread() -> None:
    assert Spread.of([1.0, 3.0]) == Spread(2.0, pytest.approx(2**0.5))
    assert Spread.of([1.0]) == Spread(1.0, None)


def test_runs_that_differ_only_in_their_seed_are_one_experiment(sweep: Sweep) -> None:
    first, second = experiments(gather([sweep(amounts=(0.5, 0.9), seeds=(0, 1))]).completed)
    assert (first.runs, second.runs) == ((0, 1), (2, 3))
    assert (first.seeds, first.duplicates) == (2, ())
    assert first.val.mean == pytest.approx(0.98 - 0.001 - 0.5**8 / 2, abs=1e-4)
    assert first.val.sd == pytest.approx(0.002 / 2**0.5)
    assert first.val_drop.mean == pytest.approx(0.001 + 0.5**8 / 2, abs=1e-4)
    assert first.costs["params_nonzero"] == 30_853


def test_the_same_run_in_two_sweeps_counts_once(sweep: Sweep) -> None:
    both = gather([sweep("one", (0.5, 0.9), (0,)), sweep("two", (0.5,), (0, 1))]).completed
    first, second = experiments(both)
    assert (first.runs, first.duplicates, first.seeds) == ((0, 3), (2,), 2)
    assert first.val.sd == pytest.approx(0.002 / 2**0.5)  # of two values, not of three
    assert (second.runs, second.duplicates, second.val.sd) == ((1,), (), None)
    assert duplicates(both) == [2]


def test_a_sweep_read_twice_has_no_spread(sweep: Sweep) -> None:
    both = gather([sweep("one", (0.5,), (0,)), sweep("two", (0.5,), (0,))]).completed
    (group,) = experiments(both)
    assert (group.runs, group.duplicates, group.seeds, group.test.sd) == ((0,), (1,), 1, None)


def test_the_same_seed_on_another_device_is_not_another_seed(tmp_path: Path) -> None:
    for number, (seed, val) in enumerate([(0, 0.90), (0, 0.94), (1, 0.96)]):
        final = {"val_accuracy": val, "test_accuracy": val}
        fake_run(tmp_path / str(number), fake_fields(0.5, seed, digest=str(number), final=final))
    (group,) = experiments(gather([tmp_path]).completed)
    assert (group.runs, group.seeds) == ((0, 1, 2), 2)
    assert (group.val.mean, group.val.sd) == (pytest.approx(0.94), pytest.approx(0.04 / 2**0.5))


def test_runs_with_the_same_seed_are_averaged_first(sweep: Sweep) -> None:
    runs = gather([sweep(amounts=(0.2, 0.8), seeds=(0, 1))]).completed
    spread = over_seeds(runs, lambda result: result["amount"] + result["seed"])
    assert (spread.mean, spread.sd) == (pytest.approx(1.0), pytest.approx(2**-0.5))


def test_a_cost_is_unknown_if_one_run_does_not_contain_it(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, compact={"file_bytes": 7}))
    fake_run(tmp_path / "1", fake_fields(0.5, 1))
    (group,) = experiments(gather([tmp_path]).completed)
    assert group.costs["file_bytes"] is None


def test_settings_that_lead_to_the_same_network_are_one_experiment(tmp_path: Path) -> None:
    # prune=none ignores the amount. Seed 1 is missing for the first amount.
    for number, (amount, seed, digest) in enumerate([(0.5, 0, "a"), (0.9, 0, "a"), (0.9, 1, "b"), (0.7, 1, "b")]):
        fake_run(tmp_path / str(number), fake_fields(amount, seed, digest=digest))
    (control,) = experiments(gather([tmp_path]).completed)
    assert (control.runs, control.duplicates, control.seeds) == ((0, 2), (1, 3), 2)


def test_networks_of_different_data_sets_are_never_one_experiment(tmp_path: Path) -> None:
    for dataset in ("mnist", "mnist5k"):
        fake_run(tmp_path / dataset, fake_fields(0.5, 0, digest="same", dataset=dataset))
    assert len(experiments(gather([tmp_path]).completed)) == 2
