import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import prune

from prunesweep.errors import UsageError
from prunesweep.models.weights import read_weights


def network() -> nn.Module:
    return nn.Sequential(OrderedDict(fc1=nn.Linear(3, 2), norm=nn.BatchNorm1d(2), fc2=nn.Linear(2, 2)))


class Executes:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


@pytest.fixture
def trained() -> nn.Module:
    torch.manual_seed(1)
    return network()


def saved(content: object, path: Path) -> str:
    torch.save(content, path)
    return str(path)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model.state_dict(),
        lambda model: {"epoch": 3, "state_dict": model.state_dict()},
        lambda model: {"optimizer": {"lr": 0.1}, "model_state_dict": model.state_dict()},
        lambda model: {"model": {f"module.{name}": tensor for name, tensor in model.state_dict().items()}},
        lambda model: {f"_orig_mod.module.{name}": tensor for name, tensor in model.state_dict().items()},
        lambda model: {f"module._orig_mod.{name}": tensor for name, tensor in model.state_dict().items()},
        lambda model: nn.DataParallel(model).state_dict(),
        lambda model: {n: t for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")},
    ],
    ids=["state dict", "state_dict", "model_state_dict", "model", "compiled", "compiled first", "DataParallel", "old"],
)
def test_checkpoints_are_read(wrap: object, trained: nn.Module, tmp_path: Path) -> None:
    file = saved(wrap(trained), tmp_path / "a.pt")  # type: ignore[operator]
    assert_equal(read_weights(file, network()), trained.state_dict())


def test_safetensors_are_read(trained: nn.Module, tmp_path: Path) -> None:
    save_file(trained.state_dict(), tmp_path / "a.safetensors")
    assert_equal(read_weights(str(tmp_path / "a.safetensors"), network()), trained.state_dict())


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_parameter_with_two_names_may_be_given_under_one(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.b = self.a

    tied = Tied()
    weights = tied.state_dict()
    both = saved(weights, tmp_path / "both.pt")
    second = saved({name: tensor for name, tensor in weights.items() if name.startswith("b.")}, tmp_path / "b.pt")
    for file in (both, second):
        read = read_weights(file, Tied())
        assert read.keys() == {"a.weight", "a.bias"}
        assert torch.equal(read["a.weight"], weights["a.weight"])
    different = saved({**weights, "b.bias": weights["b.bias"] + 1}, tmp_path / "c.pt")
    with pytest.raises(UsageError, match=r"a.bias and b.bias are one parameter, but have different values"):
        read_weights(different, Tied())
    larger = saved({**weights, "b.bias": torch.zeros(3)}, tmp_path / "d.pt")
    with pytest.raises(UsageError, match=r"network: b.bias has the shape \[3\], the network needs \[2\]\.$"):
        read_weights(larger, Tied())


def test_one_message_names_all_that_does_not_fit(trained: nn.Module, tmp_path: Path) -> None:
    weights = trained.state_dict()
    weights["fc_1.weight"] = weights.pop("fc1.weight")
    weights["fc2.weight"] = torch.zeros(5, 2)
    file = saved(weights, tmp_path / "a.pt")
    with pytest.raises(UsageError) as error:
        read_weights(file, network())
    assert str(error.value) == (
        f"model.weights={file}: does not fit the network: it has no fc1.weight; the network has no fc_1.weight (is it "
        "fc1.weight?); fc2.weight has the shape [5, 2], the network needs [2, 2]."
    )


def test_a_network_that_torch_has_pruned_says_how_to_save_it(trained: nn.Module, tmp_path: Path) -> None:
    prune.l1_unstructured(trained.get_submodule("fc1"), "weight", 0.5)
    with pytest.raises(UsageError, match=r"fc1.weight is missing, because .* Call torch.nn.utils.prune.remove"):
        read_weights(saved(trained.state_dict(), tmp_path / "a.pt"), network())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (network(), "contains more than tensors .* Save the weights alone"),
        ({"state_dict": Executes()}, "contains more than tensors"),
        ([1, 2], "contains list, not a state dict"),
        ({"epoch": 1, "loss": 0.5}, "is not a state dict: epoch, loss"),
        ({}, "is not a state dict: it is empty"),
        ({"fc1.weight": torch.zeros(1), "epoch": 1}, "is not a state dict: epoch"),
    ],
    ids=["module", "code", "list", "no weights", "empty", "mixed"],
)
def test_other_contents_are_refused(
    content: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=f"model.weights=.*a.pt: {message}"):
        read_weights(saved(content, tmp_path / "a.pt"), network())
    assert "executed" not in capsys.readouterr().out


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"damaged")
    (tmp_path / "b.pt").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "a.safetensors").write_bytes(b"damaged")
    for name in ("a.pt", "b.pt", "a.safetensors", "nothing.pt"):
        with pytest.raises(UsageError, match=f"{name}: (cannot be read|does not exist|contains|is not)"):
            read_weights(str(tmp_path / name), network())


def test_weights_that_are_not_finite_are_refused(trained: nn.Module, tmp_path: Path) -> None:
    weights = trained.state_dict()
    weights["fc2.bias"][0] = float("nan")
    with pytest.raises(UsageError, match=r"fc2.bias has values that are not finite numbers"):
        read_weights(saved(weights, tmp_path / "a.pt"), network())


def test_an_archive_that_unpacks_to_more_than_the_file_is_refused(trained: nn.Module, tmp_path: Path) -> None:
    content = io.BytesIO()
    torch.save(trained.state_dict(), content)
    with zipfile.ZipFile(content) as plain, zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
        packed.writestr("archive/more", bytes(10**6))
    with pytest.raises(UsageError, match="its members are larger than the file"):
        read_weights(str(tmp_path / "a.pt"), network())


def test_the_message_of_another_library_is_short(trained: nn.Module, tmp_path: Path) -> None:
    content = io.BytesIO()
    torch.save(trained.state_dict(), content)
    with zipfile.ZipFile(content) as plain, zipfile.ZipFile(tmp_path / "a.pt", "w") as other:
        for member in plain.infolist():
            damaged = member.filename.endswith("byteorder")
            other.writestr(member.filename, b"x" * 10**6 if damaged else plain.read(member))
    with pytest.raises(UsageError, match="cannot be read") as error:
        read_weights(str(tmp_path / "a.pt"), network())
    assert len(str(error.value)) < 1_000
