import torch
from c_files import NEEDS_COMPILER, described, images_like, sparse
from torch import nn

from prunesweep.bench.latency import latency_us


@NEEDS_COMPILER
def test_the_latency_of_one_image_is_measured_and_the_network_is_not_modified() -> None:
    model = sparse(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    description = described((1, 4, 4), 3)
    times = latency_us(model, description, images_like(description), rounds=3)
    assert 0 < times.low <= times.median <= times.high
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
