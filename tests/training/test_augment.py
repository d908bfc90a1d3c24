import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.data.layout import LAYOUTS, in_layout
from prunesweep.errors import UsageError
from prunesweep.training.augment import augmented
from prunesweep.training.settings import Augment

ZERO = torch.tensor([-1.0, -2.0])
IMAGES = torch.arange(1.0, 1 + 64 * 2 * 4 * 5).reshape(64, 2, 4, 5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shifted(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Move `image` `[channels, height, width]`, one pixel after the other."""
    result = ZERO[:, None, None].expand_as(image).clone()
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[:, row, column] = image[:, row - down, column - right]
    return result


def test_each_image_is_shifted_by_its_own_random_distance() -> None:
    result = augmented(IMAGES, Augment(shift=1), ZERO, generator())
    distances = []
    for before, after in zip(IMAGES, result, strict=True):
        found = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if torch.equal(shifted(before, y, x), after)]
        assert len(found) == 1
        distances.append(found[0])
    assert len(set(distances)) == 9, "all distances occur among 64 images"


def test_about_half_of_the_images_are_mirrored() -> None:
    result = augmented(IMAGES, Augment(flip=True), ZERO, generator())
    mirrored = [torch.equal(after, before.flip(2)) for before, after in zip(IMAGES, result, strict=True)]
    same = [torch.equal(after, before) for before, after in zip(IMAGES, result, strict=True)]
    assert [a != b for a, b in zip(mirrored, same, strict=True)] == [True] * 64
    assert 20 < sum(mirrored) < 44


@given(st.integers(0, 3), st.booleans(), st.sampled_from(list(LAYOUTS)))
def test_the_result_depends_only_on_the_seed_and_keeps_the_layout(shift: int, flip: bool, layout: str) -> None:
    settings, images = Augment(shift, flip), in_layout(IMAGES, layout)
    first = augmented(images, settings, ZERO, generator(3))
    assert torch.equal(first, augmented(IMAGES, settings, ZERO, generator(3)))
    assert first.stride() == images.stride()
    assert first is not images
    if not settings:
        assert torch.equal(first, images)


def test_an_impossible_shift_is_refused() -> None:
    with pytest.raises(UsageError, match="augment.shift=-1: must be at least 0 and at most 64"):
        Augment(shift=-1)
