import json
from collections.abc import Callable
from pathlib import Path

from support import Completed

from prunesweep.results.run_directory import RunDirectory, read_run
from prunesweep.tracking.content import artifacts, curves, metrics, run_name, settings


def test_curves_contain_each_number_of_each_epoch(tracked: Callable[..., RunDirectory]) -> None:
    assert list(curves(tracked())) == [
        ("epoch/lr", 1, 0.1),
        ("epoch/val_accuracy", 1, 0.5),
        ("epoch/lr", 2, 0.05),
        ("epoch/val_accuracy", 2, 0.75),
    ]


def test_metrics_are_the_scalar_numbers_of_the_result(tracked: Callable[..., RunDirectory]) -> None:
    run = tracked(layers=[{"total": 4}], rounds=[{"amount": 0.1}], dead=True)
    assert metrics(run) == {"seconds": 1.5, "final/test_accuracy": 0.7}


def test_settings_are_text_with_references_replaced(tracked: Callable[..., RunDirectory]) -> None:
    assert settings(tracked()) == {
        "seed": "0",
        "prune.amount": "0.2",
        "prune.target": "None",
        "layers.include": "[*]",
        "train.batch_size": "64",
        "finetune.batch_size": "64",
    }


def test_artifacts_are_the_files_that_exist(tracked: Callable[..., RunDirectory]) -> None:
    run = tracked()
    assert [path.name for path in artifacts(run)] == ["config.yaml", "result.json"]
    (run.folder / "model.safetensors").write_bytes(b"")
    assert [path.name for path in artifacts(run)] == ["config.yaml", "result.json", "model.safetensors"]


def test_a_run_is_named_by_its_path_in_the_sweep_or_by_date_and_time(tracked: Callable[..., RunDirectory]) -> None:
    run = tracked("0/seed=1")
    assert run_name(run, run.folder.parents[1]) == "0/seed=1"
    assert run_name(run, None) == "0/seed=1"
    assert run_name(tracked("7"), None) == "sweep/7"


def test_stored_epochs_are_part_of_the_curves(completed: Completed) -> None:
    computed, stored = (completed(name=name, fresh=True) for name in ("computed", "stored"))
    result = json.loads((stored / "result.json").read_text())
    assert result["steps_cached"] == result["steps_total"]
    assert list(curves(read_run(computed))) == list(curves(read_run(stored)))
    assert {epoch for _, epoch, _ in curves(read_run(stored))} == {1, 2}


def test_a_completed_run_has_all_artifacts(completed: Completed) -> None:
    folder: Path = completed("train.epochs=0", "finetune.epochs=0")
    names = ["config.yaml", "result.json", "provenance.json", "model.safetensors"]
    assert [path.name for path in artifacts(read_run(folder))] == names
