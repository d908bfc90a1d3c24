from dataclasses import replace
from pathlib import Path

import pytest
from support import Compose

import prunesweep
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment
from prunesweep.experiment.forecast import forecast
from prunesweep.store.costs import read_costs

SHORT = ("model=lenet_300_100", "train.epochs=2", "finetune.epochs=1", "device=cpu", "threads=1")
LOTTERY = "schedule=lottery schedule.rounds=2 schedule.control=reinit"

pytestmark = pytest.mark.usefixtures("little_data")


@pytest.fixture
def short(composed: Compose, tmp_path: Path) -> Compose:
    def make(*overrides: str) -> RunConfig:
        return composed(*SHORT, f"store.dir={tmp_path / 'store'}", *overrides)

    return make


@pytest.mark.parametrize("schedule", ["schedule=one_shot", LOTTERY])
def test_a_forecast_names_what_the_runs_then_compute(schedule: str, short: Compose, tmp_path: Path) -> None:
    configs = [short("prune.amount=0.5"), short(*schedule.split(), "prune.amount=0.8"), short("prune.amount=0.9")]
    experiment.run(configs[0], tmp_path / "0")
    before = forecast(configs)
    results = [experiment.run(config, tmp_path / str(number)) for number, config in enumerate(configs)]
    assert len(before.tree.missing) == sum(each.steps_total - each.steps_cached for each in results)
    assert before.tree.available == results[0].steps_total
    after = forecast(configs)
    assert (after.tree.missing, after.tree.seconds, after.tree.unknown) == ([], 0, 0)
    assert after.fixed > 0
    empty = forecast(configs, stored=False)
    assert len(empty.tree.missing) == len(before.tree.nodes)
    assert (empty.tree.unknown, empty.seconds() > 0, empty.tree.size > 0) == (0, True, True)
    without = forecast([replace(config, store=replace(config.store, enabled=False)) for config in configs])
    assert (without.tree.unknown, without.seconds() > empty.seconds(), without.tree.size) == (0, True, 0)


def test_a_forecast_writes_nothing_and_does_not_invent_times(short: Compose, tmp_path: Path) -> None:
    found = forecast([short()])
    assert found.tree.unknown == len(found.tree.missing) + 4
    assert (found.tree.seconds, found.seconds()) == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_runs_without_a_store_share_no_steps(short: Compose) -> None:
    shared = forecast([short("prune.amount=0.5"), short("prune.amount=0.6")])
    alone = forecast([short(f"prune.amount={amount}", "store.enabled=false") for amount in (0.5, 0.6)])
    assert (len(shared.tree.missing), len(alone.tree.missing)) == (7, 10)


def test_a_run_that_cannot_be_planned_is_counted(short: Compose) -> None:
    found = forecast([short(), short("layers=conv"), short("layers=fc")])
    assert (found.runs, found.failures, found.tree.runs) == (3, 1, 2)


def test_more_steps_than_the_limit_are_not_planned(short: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunesweep.experiment.forecast.MAX_STEPS", 9)
    assert forecast([short()]).failures == 0
    with pytest.raises(UsageError, match="more than 9 steps together: too many to plan"):
        forecast([short(), short()])


def test_costs_change_no_result(short: Compose, tmp_path: Path) -> None:
    first = experiment.run(short(), tmp_path / "one")
    assert len(read_costs(tmp_path / "store")) >= 6
    (tmp_path / "store" / "costs.json").write_bytes(b"damaged")
    again = experiment.run(short("store.enabled=false"), tmp_path / "two")
    assert (first.digest, first.final) == (again.digest, again.final)


def test_a_dry_run_is_not_a_run(short: Compose, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(UsageError, match="dry_run=true: shows a plan and computes nothing"):
        experiment.run(short("dry_run=true"), tmp_path)
    with pytest.raises(UsageError, match="dry_run=true: shows a plan and computes nothing"):
        prunesweep.run("dry_run=true", dir=tmp_path)
    assert (tmp_path / "result.json").exists()
