import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import NEEDS_PACKED, Command, Compose, change, edit

from prunesweep.bench import measures as bench
from prunesweep.chain.context import Context
from prunesweep.cli import main
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment
from prunesweep.experiment.measures import CLASSES, check_measures, measures
from prunesweep.results.result import DURATIONS, MEASURED

UNTRAINED = ("model=lenet5", "train.epochs=0", "finetune.epochs=0", "prune.amount=0.9", "device=cpu", "threads=1")
SIZES = "measure=[file_bytes,packed_bytes]"


@pytest.fixture
def untrained(composed: Compose, tmp_path: Path) -> Compose:
    def make(*overrides: str) -> RunConfig:
        return composed(*UNTRAINED, f"store.dir={tmp_path / 'store'}", *overrides)

    return make


def test_every_field_has_a_measure_and_only_times_are_not_reproduced() -> None:
    assert tuple(CLASSES) == MEASURED
    assert DURATIONS & {*MEASURED} == {"latency_us"}


def test_nothing_is_measured_unless_it_is_asked_for(untrained: Compose, tmp_path: Path) -> None:
    result = experiment.run(untrained(), tmp_path / "run")
    assert [getattr(result, name) for name in MEASURED] == [None, None, None]


@NEEDS_PACKED
def test_sizes_are_those_of_the_exported_files(untrained: Compose, run_py: Command, tmp_path: Path) -> None:
    done = run_py(*UNTRAINED, "quantize=codebook", "quantize.epochs=0", SIZES, "hydra.run.dir=run")
    assert done.code == 0, done.err
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    for form, name, field in (
        ("csr", "model.csr.safetensors", "file_bytes"),
        ("packed", "model.packed", "packed_bytes"),
    ):
        assert main(["export", str(tmp_path / "run"), "--format", form]) == 0
        assert (tmp_path / "run" / "export" / name).stat().st_size == result[field], form
    assert result["latency_us"] is None


def test_the_same_network_is_measured_once(untrained: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([7.5])
    monkeypatch.setattr(bench.Latency, "value", lambda *_: next(times))
    monkeypatch.setattr(bench.Latency, "check", lambda _: None)
    config = untrained("search.objectives=[val_accuracy,latency_us]")
    first, again = (experiment.run(config, tmp_path / name) for name in ("first", "again"))
    assert first.latency_us == again.latency_us == 7.5
    assert (again.steps_cached, again.digest) == (again.steps_total, first.digest)
    assert experiment.run(untrained(), tmp_path / "other").digest == first.digest, "the same network"


@NEEDS_PACKED
def test_a_latency_is_not_compared_and_a_size_is(run_py: Command, tmp_path: Path) -> None:
    assert run_py(*UNTRAINED, SIZES, "hydra.run.dir=run").code == 0
    run = tmp_path / "run"
    change(run / "result.json", latency_us=1e6)
    assert main(["reproduce", str(run), "--out", str(tmp_path / "same")]) == 0
    size = json.loads((run / "result.json").read_text())["packed_bytes"]
    change(run / "result.json", packed_bytes=size + 1)
    assert main(["reproduce", str(run), "--out", str(tmp_path / "other")]) == 1
    edit(run, measure=[])
    assert main(["reproduce", str(run), "--out", str(tmp_path / "without")]) == 1


def test_what_cannot_be_measured_is_refused(untrained: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    config = untrained("quantize=int8", "measure=[packed_bytes]")
    context = Context(config.model, config.dataset, "cpu")
    with pytest.raises(UsageError, match=r"measure=packed_bytes: the run has quantize=int8, .* Use quantize=codebook"):
        measures(config, context)
    monkeypatch.setattr(bench, "find_compiler", lambda: None)
    latency = replace(config, quantize=untrained().quantize, measure=["latency_us"])
    with pytest.raises(UsageError, match="measure=latency_us: there is no C compiler"):
        check_measures([untrained(), latency])


@pytest.mark.parametrize("sweep", [("search=latency", "study=mine"), ("measure=[latency_us]", "prune.amount=0.1,0.2")])
def test_a_sweep_without_a_compiler_ends_before_it_starts(
    sweep: tuple[str, ...], run_py: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    done = run_py("-m", *sweep, "hydra.sweep.dir=swept")
    assert done.code == 1
    assert "error: measure=latency_us: there is no C compiler" in done.err
    assert not (tmp_path / "swept").exists()
