import numpy as np
import torch
from c_files import described, images_like
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.data.settings import DIVISORS
from prunesweep.export.c.idx import dump, pixels


def test_the_content_of_idx_files() -> None:
    assert dump(np.array([[7, 8]], np.uint8)) == bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8])
    assert dump(np.array([1, 258], np.int32)) == bytes([0, 0, 12, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 1, 2])
    assert dump(np.array([1.0], np.float32))[4:] == bytes([0, 0, 0, 1, 0x3F, 0x80, 0, 0])


def test_the_pixels_of_normalized_images() -> None:
    for shape in ((1, 4, 5), (3, 4, 5)):
        description = described(shape)
        images = images_like(description)
        found = pixels(images, description)
        assert found.dtype == np.uint8
        assert found.shape == (5, 4, 5) if shape[0] == 1 else (5, *shape)
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (description.mean, description.std))
        again = (torch.from_numpy(found).reshape(images.shape) / 255 - mean) / std
        assert torch.equal(again, images)


def test_other_values_are_floating_point_numbers() -> None:
    description = described((1, 1, 2), scale="none")
    assert pixels(torch.tensor([[[[1.0, -2.0]]]]), description).tolist() == [[[0.75, -0.75]]]


@given(
    st.lists(st.floats(-(2.0**90), 2.0**90, width=32), min_size=1, max_size=50),
    st.sampled_from(["none", "1/255", "1/256"]),
)
def test_the_normalized_values_of_pixels_are_exactly_those_of_the_images(read: list[float], scale: str) -> None:
    description = described((1, 1, 1), scale=scale, mean=[0.4], std=[0.3])
    mean, std = torch.tensor(0.4), torch.tensor(0.3)

    def normalized(values: torch.Tensor) -> torch.Tensor:
        return (values / DIVISORS[scale] - mean) / std

    images = normalized(torch.tensor(read).view(-1, 1, 1, 1))
    found = torch.from_numpy(pixels(images, description)).float().view_as(images)
    assert torch.equal(normalized(found), images)
