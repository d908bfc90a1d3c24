from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import pytest
import torch
from chains import CONTEXT

from prunesweep.chain.context import Context
from prunesweep.chain.environment import extend
from prunesweep.chain.execution import Execution
from prunesweep.chain.observations import Observation
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.results.history import PhaseName
from prunesweep.store.store import Store
from prunesweep.training.settings import SGD

ROOT = {"torch": "1"}


@pytest.fixture(autouse=True)
def without_code_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Describe the steps of this file, which are not part of prunesweep, without a hash of their code."""
    monkeypatch.setattr("prunesweep.chain.steps.code_hash", lambda module: module)


@dataclass(frozen=True)
class Add(Step):
    """Add to the only weight. The record looks like that of an epoch."""

    kind = "prune"

    value: float

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        return State({"x": state.weights.get("x", torch.zeros(1)) + self.value}), {"epoch": -1}

    def summary(self) -> str:
        return f"add {self.value:g}"


@dataclass(frozen=True)
class AddEpoch(TrainEpoch):
    """An epoch that adds to the only weight."""

    value: float

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        return State({"x": state.weights["x"] + self.value}), {"epoch": self.index + 1}


def epoch(value: float, index: int, phase: PhaseName = "dense", number: int = 0) -> AddEpoch:
    return AddEpoch("data", SGD(), 0.1, 8, index, 0, value, phase=phase, round=number)


@dataclass(frozen=True)
class Back(Step):
    """Return to an earlier state."""

    to: int

    @property
    def recalls(self) -> tuple[int, ...]:
        return (self.to,)

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        return context.recall(self.to), {}


@dataclass(frozen=True)
class Look(Observation):
    """Report the only weight."""

    def observe(self, state: State, context: Context) -> Record:
        return {"x": float(state.weights["x"])}

    def fits(self, record: Record) -> bool:
        return isinstance(record.get("x"), float)


@dataclass
class Positions:
    """The positions of the steps that an execution computed."""

    computed: list[int] = field(default_factory=list)

    def __call__(self, position: int, step: Step, record: Record) -> None:
        self.computed.append(position)


CHAIN: list[Step] = [Add(1), epoch(2, 0), epoch(3, 1), Add(4)]


def execution(store: Store, *further: Step) -> tuple[Execution, list[int]]:
    """Return an execution of `CHAIN` and the steps `further`, and the list of the positions that it computes."""
    positions = Positions()
    return Execution([*CHAIN, *further], CONTEXT, ROOT, store, positions), positions.computed


@pytest.fixture(params=["stored", "not stored"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path if request.param == "stored" else None)


def test_each_step_starts_from_the_state_before_it(store: Store) -> None:
    run, computed = execution(store)
    assert run.state(1).weights["x"] == 3
    assert run.state(3).weights["x"] == 10
    assert computed == [0, 1, 2, 3]
    assert run.computed == 4


def test_the_history_holds_training_epochs_with_phase_and_round(store: Store) -> None:
    run, _ = execution(store, epoch(5, 2, "finetune", 1))
    run.state(4)
    assert run.history() == [
        {"step": 1, "phase": "dense", "round": 0, "epoch": 1},
        {"step": 2, "phase": "dense", "round": 0, "epoch": 2},
        {"step": 4, "phase": "finetune", "round": 1, "epoch": 3},
    ]


def test_the_history_ends_at_the_last_requested_state(store: Store) -> None:
    run, _ = execution(store)
    run.state(1)
    assert [entry["step"] for entry in run.history()] == [1]


def test_the_history_names_the_phases_of_this_chain_even_for_stored_epochs(tmp_path: Path) -> None:
    execution(Store(tmp_path), epoch(5, 2, "ticket", 1))[0].state(4)
    run, computed = execution(Store(tmp_path), epoch(5, 2, "finetune", 1))
    run.state(4)
    assert computed == []
    assert [entry["phase"] for entry in run.history()] == ["dense", "dense", "finetune"]


def test_stored_steps_are_not_computed_again(tmp_path: Path) -> None:
    execution(Store(tmp_path))[0].state(3)
    run, computed = execution(Store(tmp_path), epoch(5, 2))
    assert run.state(4).weights["x"] == 15
    assert computed == [4]
    assert [record["epoch"] for record in run.history()] == [1, 2, 3]


def test_a_stored_state_represents_the_whole_run_up_to_its_step(tmp_path: Path) -> None:
    store = Store(tmp_path)
    execution(store)[0].state(3)
    run, _ = execution(store)
    for digest in run.digests[:3]:
        store._path(digest, ".json").unlink()
    assert run.state(3).weights["x"] == 10
    assert run.computed == 0
    assert len(run.history()) == 2


def test_a_damaged_step_is_computed_again_from_the_step_before_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    execution(store)[0].state(3)
    run, computed = execution(store)
    for digest in run.digests[2:]:
        store._path(digest, ".safetensors").write_bytes(b"damaged")
    assert run.state(3).weights["x"] == 10
    assert computed == [2, 3]


def test_an_earlier_state_cannot_be_requested_after_a_later_one(store: Store) -> None:
    run, computed = execution(store)
    run.state(2)
    with pytest.raises(ValueError, match="step 1 was requested after step 2"):
        run.state(1)
    assert run.state(2).weights["x"] == 6, "the same state can be requested again"
    assert run.state(3).weights["x"] == 10
    assert computed == [0, 1, 2, 3]


def test_the_order_of_requests_also_counts_for_states_from_the_store(tmp_path: Path) -> None:
    execution(Store(tmp_path))[0].state(3)
    run, _ = execution(Store(tmp_path))
    run.state(3)
    with pytest.raises(ValueError, match="step 2 was requested after step 3"):
        run.state(2)


def test_a_later_state_is_never_measured_in_place_of_an_earlier_one(store: Store) -> None:
    run, _ = execution(store)
    run.state(3)
    with pytest.raises(ValueError, match="step 1 was requested after step 3"):
        run.observe(1, Look())
    assert store.record(extend(run.digests[1], Look().describe())) is None
    assert run.observe(3, Look()) == {"x": 10}


def test_a_stored_observation_of_an_earlier_state_can_be_read_at_any_time(tmp_path: Path) -> None:
    run, _ = execution(Store(tmp_path))
    run.observe(1, Look())
    run.state(3)
    assert run.observe(1, Look()) == {"x": 3}


def test_an_observation_is_made_once_for_each_digest(tmp_path: Path) -> None:
    first, _ = execution(Store(tmp_path))
    assert first.observe(2, Look()) == {"x": 6}
    again, computed = execution(Store(tmp_path))
    assert again.observe(2, Look()) == {"x": 6}
    assert computed == []


def test_a_step_can_return_to_an_earlier_state(store: Store) -> None:
    run, computed = execution(store, Back(1), Add(5))
    assert run.state(5).weights["x"] == 8
    assert computed == [0, 1, 2, 3, 4, 5], "the earlier state is not computed again"


def test_an_earlier_state_is_read_from_the_store(tmp_path: Path) -> None:
    execution(Store(tmp_path))[0].state(3)
    run, computed = execution(Store(tmp_path), Back(1))
    assert run.state(4).weights["x"] == 3
    assert computed == [4]


def test_the_store_lists_each_step_by_its_summary_and_kind(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run, _ = execution(store)
    run.observe(3, Look())
    entries = [store.entry(digest) for digest in run.digests]
    assert [(entry.kind, entry.summary) for entry in entries if entry] == [
        ("prune", "add 1"),
        ("train", "epoch 1"),
        ("train", "epoch 2"),
        ("prune", "add 4"),
    ]
    observation = store.entry(extend(run.digests[3], Look().describe()))
    assert observation
    assert (observation.kind, observation.parent) == ("other", run.digests[3])


def test_an_entry_without_a_state_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    run, computed = execution(store)
    store.save(run.digests[3], run.digests[2], {}, {"something/x": torch.zeros(1)}, {"steps": []})
    store.save(run.digests[2], run.digests[1], {}, {"weights/x": torch.zeros(1)}, {"loss": 1})
    store.save(run.digests[1], run.digests[0], {}, {"weights/x": torch.zeros(1)}, {"steps": [1, 2]})
    assert run.state(3).weights["x"] == 10
    assert computed == [0, 1, 2, 3]
    assert ["does not hold a state" in message for message in caplog.messages] == [True] * 3


def test_a_stored_observation_with_other_figures_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    run, _ = execution(store)
    store.save(extend(run.digests[3], Look().describe()), run.digests[3], {}, None, {"y": 1.0})
    assert run.observe(3, Look()) == {"x": 10.0}
    assert run.observe(3, Look()) == {"x": 10.0}
    (message,) = caplog.messages
    assert "does not hold the figures of Look" in message


def test_the_entries_of_a_run_are_its_states_and_their_observations(tmp_path: Path) -> None:
    run, _ = execution(Store(tmp_path))
    for position in range(len(CHAIN)):
        run.state(position)
        run.observe(position, Look())
    assert set(run.entries(Look())) == {path.stem for path in tmp_path.glob("??/*.json")}


def test_concurrent_chains_compute_shared_steps_once(tmp_path: Path) -> None:
    branches = 4
    together = Barrier(branches)

    def work(branch: int) -> tuple[float, int]:
        run, _ = execution(Store(tmp_path), epoch(branch, 2))
        together.wait()
        for position in range(len(run.chain)):
            run.observe(position, Look())
            run.state(position)
        return float(run.state(4).weights["x"]), run.computed

    with ThreadPoolExecutor(branches) as pool:
        done = list(pool.map(work, range(branches)))
    assert [weight for weight, _ in done] == [10, 11, 12, 13]
    assert sum(computed for _, computed in done) == len(CHAIN) + branches
