from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export import formats
from prunesweep.export.description import Description
from prunesweep.export.evaluate import evaluate
from prunesweep.export.formats import FORMATS


def write(path: Path, network: nn.Module, description: Description) -> None:
    path.write_bytes(formats.pack(FORMATS[description.format], network, description))


def test_a_network_that_always_answers_one_class(network: nn.Module, description: Description, tmp_path: Path) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.get_submodule("fc3").bias[3] = 1  # type: ignore[operator,index]
    write(tmp_path / "f", network, description)
    score, notes = evaluate(tmp_path / "f", None, None, "test", trust=False)
    assert notes == []
    assert score.total == 1_000
    assert score.fraction == pytest.approx(0.1, abs=0.03), "the fraction of threes"
    assert evaluate(tmp_path / "f", "mnist5k", None, "validation", trust=False)[0].total == 500
    assert evaluate(tmp_path / "f", None, None, "train", trust=False)[0].total == 3_500


def test_data_of_another_shape_is_refused(network: nn.Module, description: Description, tmp_path: Path) -> None:
    write(tmp_path / "f", network, description)
    with pytest.raises(UsageError, match="--dataset=cifar10: its images have the shape"):
        evaluate(tmp_path / "f", "cifar10", None, "test", trust=False)


def test_for_a_run_directory_the_message_names_an_exported_file_of_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder. Give an exported file, which `prunesweep export"):
        evaluate(tmp_path, None, None, "test", trust=False)
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "model.onnx").touch()
    with pytest.raises(UsageError, match=r"Give an exported file, such as .*/export/model\.onnx\.$"):
        evaluate(tmp_path, None, None, "test", trust=False)


def test_another_data_set_is_read_from_the_given_folder(
    network: nn.Module, description: Description, tmp_path: Path, full_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "f", network, replace(description, dataset="mnist", validation=5_000))
    here = evaluate(tmp_path / "f", None, str(full_data), "test", trust=False)
    monkeypatch.setenv("PRUNESWEEP_DATA", str(full_data))
    assert evaluate(tmp_path / "f", None, None, "test", trust=False) == here
    assert here[0].total == 10_000
