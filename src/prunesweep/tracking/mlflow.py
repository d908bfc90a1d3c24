"""`logger=mlflow`: one MLflow run per run. The runs of a sweep are children of one parent run.

A run is identified by a tag with its directory, and so is the parent of a sweep. If an interrupted sweep is started
again in the same directory, it continues the same parent, independent of the process or launcher that executes a job.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunesweep.errors import need_extra
from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.content import artifacts, curves, metrics, run_name, settings
from prunesweep.tracking.logger import Logger

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from prunesweep.store.locks import Owner

log = logging.getLogger(__name__)

LOCK = ".mlflow.lock"
DIRECTORY_TAG, KEY_TAG = "prunesweep.directory", "prunesweep.key"
METRICS_PER_BATCH, PARAMS_PER_BATCH = 1_000, 100  # limits of MLflow's log_batch
PARAM_LENGTH = 6_000  # MLflow's limit for the characters of a parameter


@dataclass
class MLflow(Logger):
    """Sends curves, final metrics, settings and files to a tracking server or a local store.

    Attributes:
        tracking_uri: An MLflow URI such as `sqlite:///mlflow.db` or `http://localhost:5000`. If null, the environment
            variable MLFLOW_TRACKING_URI or MLflow's own default applies.
        experiment: The MLflow experiment that contains the runs.
    """

    name: str = "mlflow"
    tracking_uri: str | None = None
    experiment: str = "prunesweep"

    def __post_init__(self) -> None:
        need_extra("logger=mlflow", "mlflow", "mlflow")

    def log(self, run: RunDirectory, sweep: Path | None) -> None:
        from mlflow import MlflowClient

        from prunesweep.store.locks import locked  # imports asyncio, which would slow down `run.py --help`

        lock = (sweep or run.folder) / LOCK
        with locked(lock, _announce) as held:  # parallel jobs of a sweep must not create two parents
            if not held:
                raise TimeoutError(f"{lock} is held by another process")
            client = MlflowClient(self.tracking_uri)
            experiment = self._experiment_id(client)
            tags = {"mlflow.parentRunId": _parent_id(client, experiment, sweep)} if sweep else {}
            for earlier in _find(client, experiment, run.folder):
                client.delete_run(earlier)
            started = int(1_000 * (time.time() - run.result["seconds"]))
            tags |= _directory_tags(run.folder)
            run_id = client.create_run(experiment, started, tags, run_name(run, sweep)).info.run_id
            try:
                _record(client, run_id, run)
            except BaseException:
                client.set_terminated(run_id, "FAILED")
                raise
            client.set_terminated(run_id)

    def _experiment_id(self, client: MlflowClient) -> str:
        experiment = client.get_experiment_by_name(self.experiment)
        identity: str = experiment.experiment_id if experiment else client.create_experiment(self.experiment)
        return identity


def _announce(owner: Owner | None) -> None:
    log.info("Waiting for MLflow's lock, which is held by %s.", owner or "another process")


def _parent_id(client: MlflowClient, experiment: str, sweep: Path) -> str:
    """Return the run that represents `sweep`. A new one is finished at once, because it has no content of its own."""
    existing = _find(client, experiment, sweep)
    if existing:
        return existing[0]
    name = "/".join(sweep.parts[-2:])
    run_id: str = client.create_run(experiment, tags=_directory_tags(sweep), run_name=name).info.run_id
    client.set_terminated(run_id)
    return run_id


def _directory_tags(folder: Path) -> dict[str, str]:
    """Return the tags that identify the run of `folder`. The key is a hash, because queries cannot escape quotes."""
    path = str(folder.resolve())
    return {DIRECTORY_TAG: path, KEY_TAG: hashlib.sha256(path.encode()).hexdigest()}


def _find(client: MlflowClient, experiment: str, folder: Path) -> list[str]:
    """Return the IDs of the runs of `folder`, oldest first."""
    query = f"tags.`{KEY_TAG}` = '{_directory_tags(folder)[KEY_TAG]}'"
    runs = client.search_runs([experiment], query, order_by=["attributes.start_time ASC"])
    return [run.info.run_id for run in runs]


def _record(client: MlflowClient, run_id: str, run: RunDirectory) -> None:
    from mlflow.entities import Metric, Param

    now = int(1_000 * time.time())
    points = [Metric(name, value, now, 0) for name, value in metrics(run).items()]
    points += [Metric(name, value, now, epoch) for name, epoch, value in curves(run)]
    params = [Param(key, value[:PARAM_LENGTH]) for key, value in settings(run).items()]
    for batch in _batches(points, METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=batch)
    for batch in _batches(params, PARAMS_PER_BATCH):
        client.log_batch(run_id, params=batch)
    for path in artifacts(run):
        client.log_artifact(run_id, str(path))


def _batches(items: list[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
