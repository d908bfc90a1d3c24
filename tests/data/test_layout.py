import pytest
import torch
from torch import nn

from prunesweep.data.datasets import Split
from prunesweep.data.layout import LAYOUTS, in_layout


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_operations_keep_the_layout_of_the_images(layout: str, channels: int) -> None:
    images = torch.arange(2.0 * channels * 16).view(2, channels, 4, 4)
    found = in_layout(images, layout)
    assert torch.equal(found, images)
    assert found.data_ptr() != images.data_ptr()
    network = nn.Conv2d(channels, 5, 3).to(memory_format=LAYOUTS[layout])
    batch = Split(found, torch.arange(2)).take(torch.tensor([1, 0])).images
    assert torch.equal(batch, images.flip(0))
    for given in (found, batch):
        assert network(given).is_contiguous(memory_format=LAYOUTS[layout])
