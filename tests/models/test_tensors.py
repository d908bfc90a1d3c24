import pytest
import torch
from torch import nn

from prunesweep.models.tensors import first_names, load_tensors, own_tensors


class Shared(nn.Module):
    """A layer under two names, and two layers that share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(2, 2)
        self.two = nn.Linear(2, 2)
        self.two.weight = self.one.weight
        self.norm = nn.BatchNorm1d(2)
        self.layers = nn.ModuleList([self.one, self.norm])


OWN = ["one.weight", "one.bias", "two.bias", "norm.weight", "norm.bias"]
BUFFERS = ["norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]


def test_each_tensor_has_one_name() -> None:
    model = Shared()
    assert list(own_tensors(model)) == [*OWN, *BUFFERS]
    assert [name for name, _ in model.named_parameters()] == OWN
    assert first_names(model)["layers.0.weight"] == first_names(model)["two.weight"] == "one.weight"


@pytest.mark.parametrize("assign", [False, True])
def test_shared_tensors_stay_shared(assign: bool) -> None:
    model, tensors = Shared(), {name: torch.ones_like(tensor) for name, tensor in own_tensors(Shared()).items()}
    load_tensors(model, tensors, assign=assign)
    assert model.two.weight is model.one.weight
    assert model.layers[0].bias is model.one.bias
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in own_tensors(model).items())


@pytest.mark.parametrize("remove", [True, False])
def test_missing_and_unknown_names_are_errors(remove: bool) -> None:
    tensors = dict(own_tensors(Shared()))
    if remove:
        del tensors["one.bias"]
    else:
        tensors["unknown"] = torch.ones(1)
    with pytest.raises(RuntimeError, match="one.bias|unknown"):
        load_tensors(Shared(), tensors)
