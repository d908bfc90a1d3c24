from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Command

from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.mlflow import MLflow

pytest.importorskip("mlflow", reason="needs the extra [mlflow]")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own


def client(folder: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def runs(folder: Path) -> list[Any]:
    tracking = client(folder)
    return list(tracking.search_runs([tracking.get_experiment_by_name("prunesweep").experiment_id]))


def test_a_sweep_is_one_parent_with_children(
    tracked: Callable[..., RunDirectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow keeps the artifacts of a local store in the working directory
    logger = MLflow(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    for name in ("0", "1", "1"):  # the last one is logged twice, as after an interruption
        logger.log(tracked(name), tmp_path / "sweep")
    logger.log(tracked("alone"), None)

    by_name = {run.info.run_name: run for run in runs(tmp_path)}
    assert len(runs(tmp_path)) == len(by_name) == 4
    parent = by_name[f"{tmp_path.name}/sweep"]
    assert [by_name[name].data.tags.get("mlflow.parentRunId") for name in ("0", "1", "sweep/alone")] == [
        parent.info.run_id,
        parent.info.run_id,
        None,
    ]
    assert {run.info.status for run in by_name.values()} == {"FINISHED"}
    assert parent.data.metrics == {}

    child = by_name["1"]
    assert child.data.metrics["final/test_accuracy"] == 0.7
    assert child.data.params["prune.amount"] == "0.2"
    curve = client(tmp_path).get_metric_history(child.info.run_id, "epoch/val_accuracy")
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.75)]
    files = client(tmp_path).list_artifacts(child.info.run_id)
    assert [file.path for file in files] == ["config.yaml", "result.json"]


def test_an_incomplete_record_is_marked_as_failed(
    tracked: Callable[..., RunDirectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    logger = MLflow(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setattr("prunesweep.tracking.mlflow.artifacts", lambda _: [tmp_path / "absent"])
    with pytest.raises(OSError, match="absent"):
        logger.log(tracked(), None)
    assert [run.info.status for run in runs(tmp_path)] == ["FAILED"]


def test_parallel_jobs_of_a_sweep_share_one_parent(run_py: Command, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra [joblib]")
    short = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", "threads=1", "hydra.sweep.dir=sweep")
    tracker = ("logger=mlflow", f"logger.tracking_uri=sqlite:///{tmp_path / 'mlflow.db'}")
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = run_py("-m", "prune.amount=0.3,0.6", *launcher, *tracker, *short, fresh=True)
    assert done.code == 0, done.err
    assert "was not recorded" not in done.out + done.err
    parents = {run.data.tags.get("mlflow.parentRunId") for run in runs(tmp_path)}
    assert len(runs(tmp_path)) == 3
    assert len(parents - {None}) == 1
