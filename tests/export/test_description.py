from dataclasses import replace
from pathlib import Path

import pytest

from prunesweep.errors import UsageError
from prunesweep.export.description import Description, loads


def test_a_description_is_read_back_and_unknown_fields_are_ignored(description: Description) -> None:
    assert loads(Path("x"), description.dumps()) == description
    assert loads(Path("x"), description.dumps().replace("{", '{"new": 1, ', 1)) == description


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"format": "csr"}', "DATASET", "MEAN", "ACCURACY"])
def test_an_invalid_description_is_refused(text: str | None, description: Description) -> None:
    broken = {
        "DATASET": replace(description, dataset="x").dumps(),
        "MEAN": replace(description, mean=["y"]).dumps(),  # type: ignore[list-item]
        "ACCURACY": replace(description, test_accuracy="0.5").dumps(),  # type: ignore[arg-type]
    }
    with pytest.raises(UsageError, match="f.onnx: is not an export of prunesweep"):
        loads(Path("f.onnx"), broken.get(text or "", text))


def test_another_data_set_has_the_normalization_of_the_network(description: Description) -> None:
    data = description.data("mnist", "/data")
    assert (data.name, data.root, data.mean, data.validation) == ("mnist", "/data", [0.1307], 5_000)
    assert description.data().validation == 500
    with pytest.raises(UsageError, match=r"--dataset=cifar10: its images have the shape \[3, 32, 32\]"):
        description.data("cifar10")
    with pytest.raises(UsageError, match="--dataset=mnisst: must be one of .* Did you mean 'mnist'?"):
        description.data("mnisst")


def test_the_context_builds_the_described_network(description: Description) -> None:
    layers = dict(description.context().template().named_modules())
    assert layers["fc1"].in_features == 784
    with pytest.raises(UsageError, match="model=lenet6: must be one of"):
        replace(description, model={"name": "lenet6"}).context()
