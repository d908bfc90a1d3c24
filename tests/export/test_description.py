from dataclasses import replace
from pathlib import Path

import pytest

from prunesweep.errors import UsageError
from prunesweep.export.description import Description, loads


def test_it_reads_back(description: Description) -> None:
    assert loads(Path("x"), description.dumps()) == description
    assert loads(Path("x"), description.dumps().replace("{", '{"new": 1, ', 1)) == description


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"format": "csr"}', "DATASET", "MEAN"])
def test_what_is_none_is_refused(text: str | None, description: Description) -> None:
    broken = {"DATASET": replace(description, dataset="x").dumps(), "MEAN": replace(description, mean=["y"]).dumps()}  # type: ignore[list-item]
    with pytest.raises(UsageError, match="f.onnx: is not an export of prunesweep"):
        loads(Path("f.onnx"), broken.get(text or "", text))


def test_another_data_set_comes_in_the_networks_normalisation(description: Description) -> None:
    data = description.data("mnist", "/data")
    assert (data.name, data.root, data.mean, data.validation) == ("mnist", "/data", [0.1307], 5_000)
    assert description.data().validation == 500
    with pytest.raises(UsageError, match=r"--dataset=cifar10: its images are of shape \[3, 32, 32\]"):
        description.data("cifar10")
    with pytest.raises(UsageError, match="--dataset=mnisst: must be one of .* Did you mean 'mnist'?"):
        description.data("mnisst")


def test_somebodys_own_network_needs_trust(description: Description) -> None:
    own = replace(description, model={"name": "custom", "target": "torch.nn.Flatten", "kwargs": {}})
    with pytest.raises(UsageError, match="f: its config names code of its own, model.target=torch.nn.Flatten"):
        own.context(Path("f"), trust=False)
    assert own.context(Path("f"), trust=True).fresh() is not None
    with pytest.raises(UsageError, match="model=lenet6: must be one of"):
        replace(description, model={"name": "lenet6"}).context(Path("f"), trust=False)
