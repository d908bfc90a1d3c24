from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import Spread, experiments


def test_a_spread() -> None:
    assert Spread.of([1.0, 3.0]) == Spread(2.0, pytest.approx(2**0.5))
    assert Spread.of([1.0]) == Spread(1.0, None)


def test_runs_that_differ_in_their_seed_alone_are_one_experiment(sweep: Sweep) -> None:
    first, second = experiments(gather([sweep(amounts=(0.5, 0.9), seeds=(0, 1))]).done)
    assert (first.runs, second.runs) == ((0, 1), (2, 3))
    assert first.val.mean == pytest.approx(0.98 - 0.001 - 0.5**8 / 2, abs=1e-4)
    assert first.val.sd == pytest.approx(0.002 / 2**0.5)
    assert first.val_drop.mean == pytest.approx(0.001 + 0.5**8 / 2, abs=1e-4)
    assert first.costs["params_nonzero"] == 30_853


def test_a_cost_that_one_run_does_not_tell_is_not_known(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, compact={"file_bytes": 7}))
    fake_run(tmp_path / "1", fake_fields(0.5, 1))
    (found,) = experiments(gather([tmp_path]).done)
    assert found.costs["file_bytes"] is None


def test_networks_of_different_names_are_never_one_experiment(tmp_path: Path) -> None:
    for number, model in enumerate(("a", "b")):
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, model=model))
        (tmp_path / str(number) / ".hydra" / "config.yaml").unlink()
    assert len(experiments(gather([tmp_path]).done)) == 2
