from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from prunesweep.chain.context import Context
from prunesweep.chain.environment import digests, environment, extend
from prunesweep.chain.execution import Execution
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, Step
from prunesweep.data.settings import Dataset
from prunesweep.models.settings import LeNet5
from prunesweep.store.store import Store

SETTING = Context(LeNet5(), Dataset(), "cpu")
ROOT = {"torch": "1"}


@dataclass(frozen=True)
class Add(Step):
    """Adds to the one weight there is."""

    value: float
    epoch: int | None = None

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        before = state.weights.get("x", torch.zeros(1))
        return State({"x": before + self.value}), {"epoch": self.epoch} if self.epoch else {}


class Told:
    """What an execution told of its steps."""

    def __init__(self) -> None:
        self.positions: list[int] = []

    def __call__(self, position: int, step: Step, record: Record) -> None:
        self.positions.append(position)


def execution(chain: list[Step], store: Store) -> tuple[Execution, Told]:
    told = Told()
    return Execution(chain, SETTING, ROOT, store, told), told


CHAIN: list[Step] = [Add(1), Add(2, epoch=1), Add(3, epoch=2), Add(4)]


@pytest.fixture(params=["stored", "kept nowhere"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path if request.param == "stored" else None)


def test_each_step_follows_the_one_before(store: Store) -> None:
    run, told = execution(CHAIN, store)
    assert run.state(1).weights["x"] == 3
    assert run.state(3).weights["x"] == 10
    assert told.positions == [0, 1, 2, 3]
    assert run.computed == 4
    assert run.history() == [{"step": 1, "epoch": 1}, {"step": 2, "epoch": 2}]


def test_what_is_stored_is_not_computed_again(tmp_path: Path) -> None:
    execution(CHAIN, Store(tmp_path))[0].state(3)
    run, told = execution([*CHAIN, Add(5, epoch=3)], Store(tmp_path))
    assert run.state(4).weights["x"] == 15
    assert told.positions == [4]
    assert [record["epoch"] for record in run.history()] == [1, 2, 3]


def test_a_state_stands_for_the_whole_run_up_to_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    execution(CHAIN, store)[0].state(3)
    run, _ = execution(CHAIN, store)
    for digest in run.digests[:3]:
        store._path(digest, ".json").unlink()
    assert run.state(3).weights["x"] == 10
    assert run.computed == 0
    assert len(run.history()) == 2


def test_a_damaged_step_is_computed_again_from_the_one_before(tmp_path: Path) -> None:
    store = Store(tmp_path)
    execution(CHAIN, store)[0].state(3)
    run, told = execution(CHAIN, store)
    for digest in run.digests[2:]:
        store._path(digest, ".safetensors").write_bytes(b"damaged")
    assert run.state(3).weights["x"] == 10
    assert told.positions == [2, 3]


@dataclass(frozen=True)
class Look(Step):
    """Tells of the one weight there is."""

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        return State(), {"x": float(state.weights["x"])}


def test_an_observation_is_made_once_for_each_digest(tmp_path: Path) -> None:
    first, _ = execution(CHAIN, Store(tmp_path))
    assert first.observe(2, Look()) == {"x": 6}
    again, told = execution(CHAIN, Store(tmp_path))
    assert again.observe(2, Look()) == {"x": 6}
    assert told.positions == []


@dataclass(frozen=True)
class Back(Step):
    """Goes back to an earlier state."""

    to: int

    @property
    def recalls(self) -> tuple[int, ...]:
        return (self.to,)

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        return context.recall(self.to), {}


def test_a_step_may_go_back_to_an_earlier_state(store: Store) -> None:
    run, told = execution([*CHAIN, Back(1), Add(5)], store)
    assert run.state(5).weights["x"] == 8
    assert told.positions == [0, 1, 2, 3, 4, 5], "the earlier state is not computed again"


def test_an_earlier_state_that_is_stored_is_read(tmp_path: Path) -> None:
    execution(CHAIN, Store(tmp_path))[0].state(3)
    run, told = execution([*CHAIN, Back(1)], Store(tmp_path))
    assert run.state(4).weights["x"] == 3
    assert told.positions == [4]


def test_digests_chain() -> None:
    ours = digests(ROOT, CHAIN)
    assert len(set(ours)) == len(CHAIN)
    assert digests(ROOT, CHAIN[:2]) == ours[:2]
    assert not set(ours) & set(digests({"torch": "2"}, CHAIN)), "the environment is part of all of them"
    other = digests(ROOT, [Add(1), Add(9), *CHAIN[2:]])
    assert other[0] == ours[0]
    assert not set(ours[1:]) & set(other[1:])


def test_the_encoding_is_pinned() -> None:
    assert extend("", {"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_the_environment_names_processor_and_threads() -> None:
    found = environment("cpu", 2)
    assert found.pop("device").endswith(f" {torch.backends.cpu.get_cpu_capability()}")
    assert found == {"format": 1, "torch": torch.__version__, "threads": 2}


def test_an_entry_that_holds_no_state_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    run, told = execution(CHAIN, store)
    store.save(run.digests[3], run.digests[2], {}, {"something/x": torch.zeros(1)}, {"steps": []})
    store.save(run.digests[2], run.digests[1], {}, {"weights/x": torch.zeros(1)}, {"loss": 1})
    assert run.state(3).weights["x"] == 10
    assert told.positions == [0, 1, 2, 3]
    assert ["holds no state" in message for message in caplog.messages] == [True, True]


def test_a_run_may_take_each_state_and_its_scores(tmp_path: Path) -> None:
    run, _ = execution(CHAIN, Store(tmp_path))
    for position in range(len(CHAIN)):
        run.state(position)
        run.observe(position, Look())
    assert set(run.entries(Look())) == {path.stem for path in tmp_path.glob("??/*.json")}


def test_those_that_share_a_beginning_compute_it_once_and_wait_for_no_more(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    chains = [[*CHAIN, Add(float(branch), epoch=3)] for branch in range(4)]
    together = Barrier(len(chains))

    def work(chain: list[Step]) -> tuple[float, int]:
        run, _ = execution(chain, Store(tmp_path))
        together.wait()
        for position in range(len(chain)):
            run.observe(position, Look())
            run.state(position)
        return float(run.state(4).weights["x"]), run.computed

    with ThreadPoolExecutor(len(chains)) as pool:
        done = list(pool.map(work, chains))
    assert [weight for weight, _ in done] == [10, 11, 12, 13]
    assert sum(computed for _, computed in done) == len(CHAIN) + len(chains)
