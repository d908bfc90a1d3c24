from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute


def test_a_task_per_data_set(tmp_path: Path) -> None:
    for number, (dataset, model, seed) in enumerate(
        [("mnist", "lenet5", 0), ("mnist", "lenet5", 1), ("mnist5k", "lenet5", 0), ("own", "lenet5", 0)]
    ):
        fake_run(tmp_path / str(number), fake_fields(0.5, seed, dataset=dataset, model=model))
    values = compute(gather([tmp_path]))
    assert [(task.dataset, task.test, task.validation, task.seeds) for task in values.tasks] == [
        ("mnist", 10_000, "5,000", [0, 1]),
        ("mnist5k", 1_000, "5,000", [0]),
        ("own", None, "5,000", [0]),
    ]
    assert values.keys == ["dataset"]
    assert values.tasks[0].keys == []
    assert "file_bytes" not in values.tasks[0].frontiers


def test_a_dense_network_counts_once_even_if_it_was_pruned_many_times(sweep: Sweep) -> None:
    (task,) = compute(gather([sweep(amounts=(0.1, 0.2, 0.3), seeds=(0, 1))])).tasks
    (dense,) = task.dense
    assert (dense.model, dense.params, dense.trained) == ("lenet5", 61_706, 2)
    assert (dense.val.mean, dense.val.sd) == (pytest.approx(0.98), 0)


def test_without_runs_there_are_no_values(tmp_path: Path) -> None:
    values = compute(gather([tmp_path]))
    assert (values.experiments, values.tasks, values.keys) == ([], [], [])
