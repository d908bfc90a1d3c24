import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import prunesweep
from prunesweep.api import start
from prunesweep.chain.arithmetic import arithmetic
from prunesweep.errors import UsageError
from prunesweep.experiment.saved import completed_run, load_config
from prunesweep.results.result import write_failed
from prunesweep.search.sweep_directory import REPORT_TO

SHORT = ("model=lenet_300_100", "train.epochs=1", "finetune.epochs=1", "device=cpu", "threads=1")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("little_data")
def test_a_run_leaves_a_complete_run_directory() -> None:
    result = prunesweep.run(*SHORT, "prune.amount=0.9", "store.enabled=false", dir="runs/a")
    assert (result.params_total, result.params_nonzero, result.directory) == (266_610, 27_030, Path("runs/a"))
    saved = completed_run(result.directory)
    assert saved.result["final"] == result.final
    assert saved.overrides == [*SHORT, "prune.amount=0.9", "store.enabled=false"]
    config, notes = load_config(saved)
    assert (config.prune.amount, config.finetune.batch_size, notes) == (0.9, 128, [])
    assert "${train.batch_size}" in (result.directory / ".hydra" / "config.yaml").read_text(), "as Hydra saves it"


@pytest.mark.usefixtures("little_data")
def test_two_runs_in_one_second_have_two_directories() -> None:
    (Path("outputs") / "same").mkdir(parents=True)
    pattern = "hydra.run.dir=outputs/same"
    composed = start.compose([*SHORT])
    composed.hydra.run.dir = "outputs/same"
    assert [start._directory(composed, is_default=True).name for _ in "ab"] == ["same-2", "same-3"]
    assert start._directory(start.compose([*SHORT, pattern]), is_default=False).name == "same"


@pytest.mark.usefixtures("little_data")
def test_a_run_restores_the_settings_of_torch() -> None:
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    try:
        torch.set_num_threads(3)
        torch.set_deterministic_debug_mode("default")
        prunesweep.run(*SHORT, "store.enabled=false")
        assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == (3, 0)
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])


@pytest.mark.usefixtures("little_data")
def test_a_run_does_not_depend_on_the_settings_of_torch() -> None:
    expected = prunesweep.run(*SHORT, "store.enabled=false")
    try:
        torch.set_default_dtype(torch.float64)
        with torch.inference_mode():
            result = prunesweep.run(*SHORT, "store.enabled=false")
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert (result.digest, result.final) == (expected.digest, expected.final)


@pytest.mark.usefixtures("little_data")
def test_a_process_that_changes_how_torch_computes_gets_other_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    first = prunesweep.run(*SHORT, "store.enabled=false").digest
    monkeypatch.setattr("prunesweep.chain.arithmetic.PRODUCTS", ())  # as if the bits of the self-test differed
    try:
        assert prunesweep.run(*SHORT, "store.enabled=false").digest != first
    finally:
        arithmetic.cache_clear()


def test_overrides_are_strings() -> None:
    for start_one in (prunesweep.run, prunesweep.sweep):
        with pytest.raises(UsageError, match="must be strings"):
            start_one(0.9, dir="a")  # type: ignore[arg-type]


def test_a_run_is_refused_before_anything_is_written() -> None:
    with pytest.raises(UsageError, match=r"prune.amount=1.5: must be at least 0 and at most 1"):
        prunesweep.run("prune.amount=1.5")
    with pytest.raises(UsageError, match=r"prunesweep.sweep runs all"):
        prunesweep.run("prune.amount=0.1,0.5")
    with pytest.raises(UsageError, match="dir=b: hydra.run.dir is given as well"):
        prunesweep.run("hydra.run.dir=a", dir="b")
    assert list(Path().iterdir()) == []
    Path("sweep").mkdir()
    Path("sweep/.sweep.json").write_text("{}")
    with pytest.raises(UsageError, match="hydra.run.dir=sweep/0: belongs to the sweep in"):
        prunesweep.run(dir="sweep/0")
    Path("file").write_text("")
    with pytest.raises(UsageError, match=r"hydra.run.dir=file: is a file"):
        prunesweep.run(dir="file")
    with pytest.raises(UsageError, match=r"hydra.run.dir=file/0: cannot be used"):
        prunesweep.run(dir="file/0")


def test_a_sweep_is_a_process_whose_output_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    none = (*SHORT, "train.epochs=0", "finetune.epochs=0", "store.dir=store", "dataset.validation=3500")
    runs = prunesweep.sweep("prune.amount=0.5,0.9", *none, dir="it's a sweep")
    assert list(runs["prune.amount"]) == [0.5, 0.9]
    assert list(runs["directory"]) == ["it's a sweep/0", "it's a sweep/1"]
    assert "2 of 2 runs completed" in capsys.readouterr().out


def test_a_sweep_that_is_refused_raises_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"^prune.amout: there is no such key. Did you mean 'amount'"):
        prunesweep.sweep("prune.amout=0.1,0.2", quiet=True)
    assert capsys.readouterr().out == ""


def test_a_sweep_with_a_failed_run_names_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(arguments: list[str], report: Path, *, quiet: bool) -> tuple[int, list[str]]:
        assert arguments == ["run", "-m", "layers=conv,fc", "hydra.sweep.dir=sweep"]
        report.write_text("sweep")
        return 1, ["1 of 2 runs completed", "error: layers: selects no layer.", "  Change it."]

    monkeypatch.setattr(start, "_command", fake)
    with pytest.raises(UsageError) as caught:
        prunesweep.sweep("layers=conv,fc", dir="sweep")
    assert str(caught.value).splitlines() == [
        "layers: selects no layer.",
        "  Change it.",
        "For the runs that completed: prunesweep.load('sweep')",
    ]


@pytest.mark.parametrize("output", [[], ["Killed"]])
def test_a_sweep_that_dies_says_so(output: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_command", lambda *_, quiet: (-9, output))
    with pytest.raises(UsageError, match="exit code -9"):
        prunesweep.sweep("seed=0,1")


def test_an_interrupted_sweep_has_ended_when_the_function_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "PATIENCE", 0.01)
    code = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(130)); print(); sys.stdin.read()"
    command = [sys.executable, "-uc", code]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdout.readline()  # the handler is installed
        start._stop(process)
    assert process.returncode == 128 + signal.SIGINT


def test_the_started_sweep_reports_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prunesweep.search.sweep_directory import report_directory

    report_directory(Path("there"))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(REPORT_TO, os.fspath(tmp_path / "report"))
    report_directory(Path("there"))
    assert (tmp_path / "report").read_text() == "there"


def test_a_sweep_of_failed_runs_only_is_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "s" / "0" / ".hydra").mkdir(parents=True)
    write_failed(tmp_path / "s" / "0", ["seed=0"], ValueError("no"))
    with pytest.warns(UserWarning, match=r"1 runs without a result are left out. The first is s/0 \(failed: no\)"):
        assert len(prunesweep.load("s")) == 0
