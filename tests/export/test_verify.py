import pytest
import torch
from torch import Tensor, nn

from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.export.verify import (
    Accuracy,
    accuracy,
    check_same_network,
    compute_logits,
)


def test_logits_and_accuracy_of_a_split() -> None:
    images = torch.eye(4).repeat(600, 1)  # 2,400 images: several full batches and a short one
    split = Split(images, torch.tensor([0, 1, 2, 0]).repeat(600))
    logits = compute_logits(nn.Identity(), split)
    assert torch.equal(logits, images)
    assert accuracy(logits, split) == Accuracy(1_800, 2_400)
    assert accuracy(logits, split).fraction == 0.75


BASE = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def test_equal_and_nearly_equal_logits_are_accepted() -> None:
    assert check_same_network("csr", BASE, BASE.clone(), exact=True) == 0
    assert 0 < check_same_network("onnx", BASE, BASE + 5e-5, exact=False) < 1e-4


@pytest.mark.parametrize(
    ("actual", "exact", "message"),
    [
        (BASE + 1e-6, True, "logits differ by up to 1e-06, allowed is 0"),
        (BASE + 2e-4, False, "logits differ by up to 0.0002, allowed is 0.0001"),
        (BASE[:1], False, "logits differ by up to inf"),
        (BASE * float("nan"), False, "logits differ by up to nan"),
    ],
)
def test_another_network_is_refused(actual: Tensor, exact: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_same_network("onnx", BASE, actual, exact=exact)


def test_a_different_class_is_refused_even_if_the_logits_agree() -> None:
    tie = torch.tensor([[1.0, 1.00001]])
    with pytest.raises(UsageError, match="classifies 1 of 1 test images differently"):
        check_same_network("onnx", tie, tie.flip(1), exact=False)
