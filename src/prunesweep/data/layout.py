"""The memory layouts of images and weights."""

from __future__ import annotations

import torch
from torch import Tensor

CHANNELS_LAST, CONTIGUOUS = "channels_last", "contiguous"
LAYOUTS = {CHANNELS_LAST: torch.channels_last, CONTIGUOUS: torch.contiguous_format}
"""Name -> memory format of torch, the fastest first."""


def in_layout(images: Tensor, layout: str) -> Tensor:
    """Return a copy of `images` `[n, channels, height, width]` with the strides of `layout`.

    With one channel, both layouts have the same order in memory, and `Tensor.contiguous` keeps the strides. But
    operations choose the layout of their outputs by the strides.
    """
    if layout == CONTIGUOUS:
        return torch.empty(images.shape, dtype=images.dtype, device=images.device).copy_(images)
    n, channels, height, width = images.shape
    last = torch.empty(n, height, width, channels, dtype=images.dtype, device=images.device)
    return last.permute(0, 3, 1, 2).copy_(images)
