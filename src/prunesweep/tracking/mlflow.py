"""`logger=mlflow`: a run of MLflow for each run; those of a sweep are the children of one.

A run is found again by its directory, and a sweep by its own: an interrupted sweep, started again in the same place,
continues the same parent, whichever process or launcher runs its jobs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunesweep.errors import need_extra
from prunesweep.tracking.tracked import Logger, Tracked

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK = ".mlflow.lock"
PLACE, KEY = "prunesweep.directory", "prunesweep.key"
METRICS, PARAMS = 1_000, 100  # what MLflow takes at once
LONGEST = 6_000  # characters of a setting's value that MLflow takes


@dataclass
class MLflow(Logger):
    """Curves, final figures, settings and files to a tracking server or a local store.

    `tracking_uri` is that of MLflow: `sqlite:///mlflow.db`, `http://localhost:5000`; null: MLFLOW_TRACKING_URI, else
    MLflow's own default.
    """

    name: str = "mlflow"
    tracking_uri: str | None = None
    experiment: str = "prunesweep"

    def __post_init__(self) -> None:
        need_extra("logger=mlflow", "mlflow", "mlflow")

    def log(self, run: Tracked) -> None:
        from filelock import FileLock
        from mlflow import MlflowClient

        with FileLock((run.sweep or run.folder) / LOCK):  # the jobs of a sweep one after the other: one parent
            client = MlflowClient(self.tracking_uri)
            experiment = self._experiment(client)
            tags = {"mlflow.parentRunId": _parent(client, experiment, run.sweep)} if run.sweep else {}
            for old in _at(client, experiment, run.folder):
                client.delete_run(old)
            started = int(1_000 * (time.time() - run.result["seconds"]))
            tags |= _place(run.folder)
            identity = client.create_run(experiment, started, tags, run.name).info.run_id
            try:
                _tell(client, identity, run)
            except BaseException:
                client.set_terminated(identity, "FAILED")
                raise
            client.set_terminated(identity)

    def _experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self.experiment)
        identity: str = found.experiment_id if found else client.create_experiment(self.experiment)
        return identity


def _parent(client: MlflowClient, experiment: str, sweep: Path) -> str:
    """The run that stands for `sweep`; it holds nothing of its own, so it is finished from the start."""
    found = _at(client, experiment, sweep)
    if found:
        return found[0]
    identity: str = client.create_run(experiment, tags=_place(sweep), run_name="/".join(sweep.parts[-2:])).info.run_id
    client.set_terminated(identity)
    return identity


def _place(folder: Path) -> dict[str, str]:
    """What marks the run of `folder`; the key is what it is looked up by, since a path may hold quotes."""
    place = str(folder.resolve())
    return {PLACE: place, KEY: hashlib.sha256(place.encode()).hexdigest()}


def _at(client: MlflowClient, experiment: str, folder: Path) -> list[str]:
    """The runs of `folder`, the first one first."""
    marked = f"tags.`{KEY}` = '{_place(folder)[KEY]}'"
    found = client.search_runs([experiment], marked, order_by=["attributes.start_time ASC"])
    return [run.info.run_id for run in found]


def _tell(client: MlflowClient, identity: str, run: Tracked) -> None:
    from mlflow.entities import Metric, Param

    now = int(1_000 * time.time())
    metrics = [Metric(name, value, now, 0) for name, value in run.metrics().items()]
    metrics += [Metric(name, value, now, epoch) for name, epoch, value in run.curves()]
    params = [Param(name, value[:LONGEST]) for name, value in run.settings().items()]
    for some in _batches(metrics, METRICS):
        client.log_batch(identity, metrics=some)
    for settings in _batches(params, PARAMS):
        client.log_batch(identity, params=settings)
    for path in run.artifacts():
        client.log_artifact(identity, str(path))


def _batches(items: list[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
