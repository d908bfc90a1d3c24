"""A run gives the same bits at once, in parts, from the store, and after an interruption, damage or a full disk."""

import contextlib
import errno
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from support import ROOT

from prunesweep import config
from prunesweep.config import RunConfig
from prunesweep.experiment import run as experiment
from prunesweep.models.settings import LeNet5, LeNet300100, Model
from prunesweep.pruning.settings import Pruning
from prunesweep.store import store
from prunesweep.store.entries import Entry
from prunesweep.store.settings import StoreSettings
from prunesweep.training.settings import SGD, Adam, AdamW


@pytest.fixture(autouse=True)
def bits_only(little_data: None) -> None:
    """These tests compare bits, not accuracies."""


@pytest.fixture(scope="module")
def default() -> RunConfig:
    with initialize_config_dir(str(ROOT / "conf")):
        return config.build(compose("config", ["device=cpu", "threads=1"]))


@dataclass(frozen=True)
class Outcome:
    """The output of a run without times, and the number of steps that came from the store."""

    result: dict[str, Any]
    weights: bytes
    cached: int


def run(given: RunConfig, folder: Path, kept: Path | None, **settings: Any) -> Outcome:
    where = StoreSettings(enabled=kept is not None, dir=str(kept))
    result = experiment.run(replace(given, store=where), folder, **settings)
    fields = json.loads((folder / "result.json").read_text())
    for entry in (fields, *fields["history"]):
        entry["seconds"] = None
    cached = fields.pop("steps_cached")
    assert cached == result.steps_cached
    return Outcome(fields, (folder / "model.safetensors").read_bytes(), cached)


def states(folder: Path) -> dict[str, tuple[str, str]]:
    """Return digest -> checksum of the tensors, including masks and optimizer, and record without times."""
    entries = [Entry.from_bytes(path.read_bytes()) for path in folder.glob("??/*.json")]
    return {
        entry.digest: (
            str(entry.tensors),
            json.dumps([{**step, "seconds": 0} for step in entry.record.get("steps", [entry.record])]),
        )
        for entry in entries
    }


@st.composite
def configs(draw: st.DrawFn, default: RunConfig) -> RunConfig:
    model: Model = draw(st.sampled_from([LeNet300100(), LeNet5()]))
    optimizer = draw(st.sampled_from([SGD(), SGD(momentum=0, nesterov=False), Adam(), AdamW()]))
    pruning = Pruning(
        criterion=draw(st.sampled_from(["l1", "random"])),
        scope=draw(st.sampled_from(["global", "layerwise"])),
        amount=draw(st.sampled_from([0.0, 0.5, 0.97, 1.0])),
    )
    batch_size = draw(st.sampled_from([32, 50, 128]))
    return replace(
        default,
        model=model,
        optimizer=optimizer,
        prune=pruning,
        train=replace(default.train, epochs=draw(st.integers(0, 2)), batch_size=batch_size),
        finetune=replace(default.finetune, epochs=draw(st.integers(1, 3)), batch_size=batch_size),
        seed=draw(st.integers(0, 3)),
    )


few = hypothesis_settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # examples are small already
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@few
@given(drawn=st.data())
def test_an_empty_a_full_and_no_store_give_the_same_bits(
    drawn: st.DataObject, default: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    given, folder = drawn.draw(configs(default)), tmp_path_factory.mktemp("bits")
    cold = run(given, folder / "cold", folder / "store")
    warm = run(given, folder / "warm", folder / "store")
    without = run(given, folder / "without", None)
    total = cold.result["steps_total"]
    assert (cold.cached, warm.cached, without.cached) == (0, total, 0)
    assert cold == replace(warm, cached=0) == without


@few
@given(drawn=st.data())
def test_a_longer_run_continues_a_shorter_one(
    drawn: st.DataObject, default: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    given, folder = drawn.draw(configs(default)), tmp_path_factory.mktemp("bits")
    shorter = replace(given, finetune=replace(given.finetune, epochs=given.finetune.epochs - 1))
    once = run(shorter, folder / "shorter", folder / "parts")
    longer = run(given, folder / "longer", folder / "parts")
    at_once = run(given, folder / "at_once", folder / "store")
    assert longer.cached == once.result["steps_total"] == at_once.result["steps_total"] - 1
    assert replace(longer, cached=0) == at_once
    assert states(folder / "parts").items() >= states(folder / "store").items()


@few
@given(drawn=st.data())
def test_interrupted_runs_finish_with_the_same_bits(
    drawn: st.DataObject, default: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    given, folder = drawn.draw(configs(default)), tmp_path_factory.mktemp("bits")
    with writes_counted() as writes:
        uninterrupted = run(given, folder / "uninterrupted", folder / "store")
    moments = drawn.draw(st.lists(st.integers(0, writes[0] // 2), min_size=1, max_size=3))
    for moment in moments:
        with writes_counted(stop=moment, after=drawn.draw(st.booleans())), contextlib.suppress(KeyboardInterrupt):
            run(given, folder / "interrupted", folder / "again")
    finished = run(given, folder / "interrupted", folder / "again")
    assert replace(finished, cached=0) == uninterrupted
    assert states(folder / "again") == states(folder / "store")
    assert not (folder / "again" / "damaged").exists(), "no entry was ever half written"


@contextlib.contextmanager
def writes_counted(stop: int | None = None, after: bool = False) -> Iterator[list[int]]:
    """Count the written files, and interrupt before file number `stop` is written, or `after` it is."""
    count, write = [0], store.write_atomically

    def counting(path: Path, content: bytes, **how: Any) -> None:
        interrupted = count[0] == stop
        count[0] += 1
        if interrupted and not after:
            raise KeyboardInterrupt
        write(path, content, **how)
        if interrupted:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "write_atomically", counting)
        yield count


def test_a_stored_state_holds_weights_masks_and_optimizer(default: RunConfig, tmp_path: Path) -> None:
    """The comparisons above cover these parts only if an entry holds them."""
    given = replace(default, model=LeNet300100(), prune=Pruning(amount=0.5))
    run(given, tmp_path / "run", tmp_path / "store")
    (final,) = (
        path for path in (tmp_path / "store").glob("??/*.safetensors")
        if path.stem == json.loads((tmp_path / "run" / "result.json").read_text())["digest"]
    )  # fmt: skip
    tensors = load_file(final)
    assert {name.partition("/")[0] for name in tensors} == {"weights", "masks", "optimizer"}
    for layer in ("fc1", "fc2", "fc3"):
        assert (tensors[f"weights/{layer}.weight"][~tensors[f"masks/{layer}.weight"]] == 0).all()


def test_each_of_twenty_damaged_files_is_detected_and_its_step_repeated(
    default: RunConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train, finetune = replace(default.train, epochs=8), replace(default.finetune, epochs=6)
    given = replace(default, model=LeNet300100(), train=train, finetune=finetune)
    before = run(given, tmp_path / "before", tmp_path / "store")
    kept = states(tmp_path / "store")
    assert len(kept) == 20
    draw = random.Random(0)
    for record in sorted((tmp_path / "store").glob("??/*.json")):
        tensors = record.with_suffix(".safetensors")
        file = draw.choice([record, tensors]) if tensors.exists() else record
        content = bytearray(file.read_bytes())
        content[draw.randrange(len(content))] ^= draw.randrange(1, 256)
        file.write_bytes(content)
    after = run(given, tmp_path / "after", tmp_path / "store")
    assert after == before, "no step came from the store"
    assert len(caplog.messages) == 20
    assert all("damaged and set aside" in message for message in caplog.messages)
    assert {path.stem for path in (tmp_path / "store" / "damaged").glob("*.json")} == set(kept)
    assert states(tmp_path / "store") == kept
    assert store.verify(tmp_path / "store") == store.Verification(20)


@pytest.mark.parametrize("room", [0, 3, 8])
def test_a_full_disk_prevents_storing_but_not_the_result(
    room: int, default: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = replace(default, model=LeNet300100())
    roomy = run(given, tmp_path / "roomy", tmp_path / "store")
    assert caplog.messages == []
    write, count = store.write_atomically, [0]

    def full(path: Path, content: bytes, **how: Any) -> None:
        count[0] += 1
        if count[0] > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content, **how)

    monkeypatch.setattr(store, "write_atomically", full)
    assert run(given, tmp_path / "full", tmp_path / "full-store") == roomy
    assert count[0] == room + 1, "after the first failure nothing is written"
    assert len(caplog.messages) == 1
    assert "No space left on device): this run goes on without storing" in caplog.text
    assert store.verify(tmp_path / "full-store").damaged == ()
