from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.export.verify import (
    ImageCount,
    check_recorded,
    check_same,
    count,
    logits,
)


def test_logits_and_count() -> None:
    images = torch.eye(4).repeat(600, 1)  # 2,400 images of one feature each: two full batches and a short one
    split = Split(images, torch.tensor([0, 1, 2, 0]).repeat(600))
    found = logits(nn.Identity(), split)
    assert torch.equal(found, images)
    assert count(found, split) == ImageCount(1_800, 2_400)
    assert count(found, split).accuracy == 0.75


@pytest.mark.parametrize(("correct", "same_machine", "fits"), [(970, True, True), (969, True, False),
                         (969, False, True), (968, False, False), (971, False, True)])  # fmt: skip
def test_the_recorded_accuracy(correct: int, same_machine: bool, fits: bool) -> None:
    if fits:
        check_recorded(Path("run"), ImageCount(correct, 1_000), 0.97, same_machine=same_machine)
        return
    with pytest.raises(UsageError, match=r"run: its weights classify 96\d of 1,000 .* but result.json says 0.9700"):
        check_recorded(Path("run"), ImageCount(correct, 1_000), 0.97, same_machine=same_machine)


def test_a_recorded_accuracy_that_is_no_number() -> None:
    with pytest.raises(UsageError, match="but result.json says nan"):
        check_recorded(Path("run"), ImageCount(1, 10), float("nan"), same_machine=False)


BASE = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def test_the_same_network() -> None:
    assert check_same("csr", BASE, BASE.clone(), exact=True) == 0
    assert 0 < check_same("onnx", BASE, BASE + 5e-5, exact=False) < 1e-4


@pytest.mark.parametrize(
    ("found", "exact", "message"),
    [
        (BASE + 1e-6, True, "logits are up to 1e-06 apart, allowed is 0"),
        (BASE + 2e-4, False, "logits are up to 0.0002 apart, allowed is 0.0001"),
        (BASE[:1], False, "logits are up to inf apart"),
        (BASE * float("nan"), False, "logits are up to nan apart"),
    ],
)
def test_another_network(found: Tensor, exact: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_same("onnx", BASE, found, exact=exact)


def test_the_same_logits_nearly_and_another_decision() -> None:
    tie = torch.tensor([[1.0, 1.00001]])
    with pytest.raises(UsageError, match="decides otherwise on 1 of 1 test images"):
        check_same("onnx", tie, tie.flip(1), exact=False)
