"""Random changes of training images."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from prunesweep.training.settings import Augment


def augmented(images: Tensor, settings: Augment, zero: Tensor, generator: Generator) -> Tensor:
    """Return shifted and flipped copies of `images`, each with its own random numbers.

    Args:
        images: Normalized images `[n, channels, height, width]`.
        settings: The size of the changes.
        zero: The normalized value of an empty pixel in each channel, `[channels]`, for what is moved into an image.
        generator: The source of the random numbers, on the CPU, so that they are the same on every device.
    """
    n, channels, height, width = images.shape
    result = images
    if settings.flip:
        flipped = torch.rand(n, generator=generator) < 0.5
        result = torch.where(flipped.to(images.device)[:, None, None, None], result.flip(3), result)
    if settings.shift:
        margin = settings.shift
        padded = zero[:, None, None].expand(n, channels, height + 2 * margin, width + 2 * margin).clone()
        padded[:, :, margin : margin + height, margin : margin + width] = result
        top, left = torch.randint(2 * margin + 1, (2, n), generator=generator).to(images.device)
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # [n, channels, top, left, height, width], a view
        result = windows[torch.arange(n, device=images.device), :, top, left]
    return torch.empty_strided(images.shape, images.stride(), dtype=images.dtype, device=images.device).copy_(result)
