from pathlib import Path

import pytest
from fakes import LAYERS, Sweep, fake_fields, fake_run

from prunesweep.report.compute import layers
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import experiments
from prunesweep.report.compute.layers import heats, sensitivities


def test_a_column_per_experiment_sorted_by_sparsity(sweep: Sweep) -> None:
    runs = gather([sweep(amounts=(0.9, 0.2))]).completed
    (heat,) = heats(runs, experiments(runs), [0, 1])
    assert heat.layers == list(LAYERS)
    assert (heat.experiments, heat.total, heat.of) == ([1, 0], [0.2, 0.9], 2)
    assert heat.sparsity == [[0.2, 0.9]] * 5
    assert heat.dead == [[0, 0]] * 5


def test_dead_layers_are_marked(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, dead_layers=["conv1", "fc3"]))
    fake_run(tmp_path / "1", fake_fields(0.5, 1))
    runs = gather([tmp_path]).completed
    (heat,) = heats(runs, experiments(runs), [0])
    assert heat.dead == [[1], [0], [0], [0], [1]]


def test_too_many_columns_are_thinned_and_the_highest_sparsity_is_kept(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "MAX_COLUMNS", 3)
    runs = gather([sweep(amounts=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), seeds=(0,))]).completed
    (heat,) = heats(runs, experiments(runs), range(7))
    assert (heat.experiments, heat.of) == ([0, 3, 6], 7)


def test_sensitivity_curves_contain_runs_that_prune_a_single_layer(tmp_path: Path) -> None:
    for number, (amount, included) in enumerate(
        [(0.5, ["conv1"]), (0.2, ["conv1"]), (0.5, ["fc1"]), (0.5, ["*"]), (0.6, ["conv1", "fc1"])]
    ):
        fake_run(tmp_path / str(number), fake_fields(amount, 0), layers__include=included)
    runs = gather([tmp_path]).completed
    (curve,) = sensitivities(runs, experiments(runs), range(5))  # fc1 has one point only
    assert (curve.model, curve.layer, curve.experiments, curve.sparsity) == ("lenet5", "conv1", [1, 0], [0.2, 0.5])
    assert curve.context == ""
    assert curve.final[0].mean - curve.pruned[0].mean == pytest.approx(0.1)


def test_a_curve_per_criterion(tmp_path: Path) -> None:
    for number, (amount, criterion) in enumerate([(0.2, "l1"), (0.5, "l1"), (0.2, "random"), (0.5, "random")]):
        fake_run(tmp_path / str(number), fake_fields(amount, 0), prune__criterion=criterion, layers__include=["fc1"])
    runs = gather([tmp_path]).completed
    curves = sensitivities(runs, experiments(runs), range(4))
    assert [(curve.context, curve.experiments) for curve in curves] == [
        ("prune=l1", [0, 1]),
        ("prune=random", [2, 3]),
    ]
