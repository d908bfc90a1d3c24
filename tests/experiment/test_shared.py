from pathlib import Path

import pytest
from support import Compose

from prunesweep.chain.environment import digests
from prunesweep.chain.tasks import Part
from prunesweep.config import RunConfig
from prunesweep.experiment import run as experiment
from prunesweep.experiment.forecast import forecast
from prunesweep.experiment.progress import Report, Stepped, listening
from prunesweep.experiment.shared import Busy, Shared, check_not_busy, compute
from prunesweep.store.store import Store
from prunesweep.store.tally import Tally

SHORT = ("model=lenet_300_100", "train.epochs=2", "finetune.epochs=1", "device=cpu", "threads=1")

pytestmark = pytest.mark.usefixtures("little_data")


@pytest.fixture
def configs(composed: Compose, tmp_path: Path) -> list[RunConfig]:
    return [composed(*SHORT, f"store.dir={tmp_path / 'store'}", f"prune.amount={each}") for each in (0.5, 0.9)]


def test_runs_compute_only_what_they_do_not_share(configs: list[RunConfig], tmp_path: Path) -> None:
    alone = experiment.run(configs[0], tmp_path / "alone")
    (tmp_path / "store").rename(tmp_path / "other")
    shared, *_ = forecast(configs).tasks()
    assert shared.part == Part(0, 2)
    heard: list[Report] = []
    with listening(heard.append):
        compute(Shared(configs[0], shared.part))
    assert heard == [Stepped(epoch=False), Stepped(epoch=True), Stepped(epoch=True)]
    rest = forecast(configs)
    assert [(task.part, task.steps) for task in rest.tasks()] == [(None, 2), (None, 2)]
    results = [experiment.run(config, tmp_path / str(number)) for number, config in enumerate(configs)]
    assert [result.steps_cached for result in results] == [3, 3]
    assert (results[0].digest, results[0].final) == (alone.digest, alone.final)
    tally = Tally.read(tmp_path / "store")
    assert tally.computed == 7


def test_a_step_that_another_process_computes_is_busy(configs: list[RunConfig], tmp_path: Path) -> None:
    planning = experiment.plan_run(configs[0])
    after = digests(planning.root, planning.plan.chain)
    check_not_busy(configs[0])
    store = Store(tmp_path / "store")
    with store.lock(after[1]):
        check_not_busy(configs[0])  # the first step is missing as well, and free
        compute(Shared(configs[0], Part(0, 0)))
        with pytest.raises(Busy):
            check_not_busy(configs[0])
        with pytest.raises(Busy):
            compute(Shared(configs[0], Part(1, 2)))
        check_not_busy(configs[0], last=0)
    check_not_busy(configs[0])


def test_nothing_is_computed_further_if_it_cannot_be_stored(
    configs: list[RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("prunesweep.store.store.write_atomically", fail)
    heard: list[Report] = []
    with listening(heard.append):
        compute(Shared(configs[0], Part(0, 2)))
    assert heard == [Stepped(epoch=False)]
    assert "disk full" in caplog.text
