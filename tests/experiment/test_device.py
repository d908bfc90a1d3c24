import pytest
import torch

from prunesweep.errors import UsageError
from prunesweep.experiment.device import use_device


@pytest.fixture
def cuda_devices(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)


@pytest.mark.parametrize(
    ("cuda_devices", "device", "expected"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (2, "cpu", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
    ],
    indirect=["cuda_devices"],
)
@pytest.mark.usefixtures("cuda_devices")
def test_the_device_is_resolved(device: str, expected: str) -> None:
    assert use_device(device, torch.get_num_threads()) == expected


@pytest.mark.parametrize(
    ("cuda_devices", "device", "message"),
    [
        (0, "cuda", "device=cuda: this machine does not have a CUDA device. Allowed are cpu and auto."),
        (0, "cuda:1", "device=cuda:1: this machine does not have a CUDA device. Allowed are cpu and auto."),
        (2, "cuda:2", r"device=cuda:2: this machine has 2 CUDA device\(s\), numbered from cuda:0."),
    ],
    indirect=["cuda_devices"],
)
@pytest.mark.usefixtures("cuda_devices")
def test_a_missing_device_is_reported(device: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        use_device(device, torch.get_num_threads())


def test_torch_is_repeatable_and_uses_the_given_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        use_device("cpu", 1)
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.set_num_threads(before)
