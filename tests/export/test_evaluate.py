from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export import dense
from prunesweep.export.description import Description
from prunesweep.export.evaluate import evaluate


def test_a_network_that_always_answers_one_class(network: nn.Module, description: Description, tmp_path: Path) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.get_submodule("fc3").bias[3] = 1  # type: ignore[operator,index]
    dense.save(network, tmp_path / "f", description)
    score = evaluate(tmp_path / "f", None, None, "test", trust=False)
    assert score.total == 1_000
    assert score.fraction == pytest.approx(0.1, abs=0.03), "the fraction of threes"
    assert evaluate(tmp_path / "f", "mnist5k", None, "validation", trust=False).total == 500
    assert evaluate(tmp_path / "f", None, None, "train", trust=False).total == 3_500


def test_data_of_another_shape_is_refused(network: nn.Module, description: Description, tmp_path: Path) -> None:
    dense.save(network, tmp_path / "f", description)
    with pytest.raises(UsageError, match="--dataset=cifar10: its images have the shape"):
        evaluate(tmp_path / "f", "cifar10", None, "test", trust=False)


def test_another_data_set_is_read_from_the_given_folder(
    network: nn.Module, description: Description, tmp_path: Path, full_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense.save(network, tmp_path / "f", replace(description, dataset="mnist", validation=5_000))
    here = evaluate(tmp_path / "f", None, str(full_data), "test", trust=False)
    monkeypatch.setenv("PRUNESWEEP_DATA", str(full_data))
    assert evaluate(tmp_path / "f", None, None, "test", trust=False) == here
    assert here.total == 10_000
