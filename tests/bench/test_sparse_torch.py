import pytest
import torch
from c_files import sparse
from torch import nn

from prunesweep.bench.sparse_torch import sparse_copy
from prunesweep.errors import UsageError


def test_the_copy_computes_the_same_with_sparse_weights() -> None:
    model = sparse(
        nn.Sequential(
            nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Sequential(nn.Flatten(), nn.Linear(6 * 4 * 6, 5, bias=False), nn.Tanh(), nn.Linear(5, 3)),
        ),
        amount=0.2,
    )
    copied = sparse_copy(model)
    images = torch.randn(7, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(copied(images), model(images), atol=1e-5, rtol=1e-5)
    assert copied[0].weight.layout == copied[3][1].weight.layout == torch.sparse_csr
    assert copied[0].weight.values().numel() == int(model[0].weight.count_nonzero())
    assert isinstance(model[0], nn.Conv2d)  # the network itself is not modified


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (nn.Conv2d(1, 2, 3, padding="same"), r"0 \(Conv2d\)"),
        (nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), r"0 \(Conv2d\)"),
        (nn.ConvTranspose2d(1, 2, 3), r"0 \(ConvTranspose2d\)"),
    ],
)
def test_a_layer_that_cannot_be_sparse_is_named(layer: nn.Module, named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named} cannot have sparse weights"):
        sparse_copy(nn.Sequential(layer))


def test_a_network_with_weights_of_its_own_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^the network \(Linear\)"):
        sparse_copy(nn.Linear(2, 2))
