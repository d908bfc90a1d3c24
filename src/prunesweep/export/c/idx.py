"""IDX files, the format of MNIST: for the program in C files."""

from __future__ import annotations

import struct

import numpy as np
from torch import Tensor

from prunesweep.data.settings import DIVISORS
from prunesweep.export.c.layers import Array
from prunesweep.export.description import Description

CODES = {"u1": 0x08, "i4": 0x0C, "f4": 0x0D}
"""Type -> its code in http://yann.lecun.com/exdb/mnist."""

NEAR = 1e-2
"""How far a pixel computed from its normalized value may be from the whole number that it was."""


def dump(array: Array) -> bytes:
    """Return the content of an IDX file with `array`: uint8, int32 or float32."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def pixels(images: Tensor, description: Description) -> Array:
    """Return the pixel values of normalized images `[n, channels, height, width]`, in the shape of IDX files.

    Returns:
        `[n, height, width]` with one channel, otherwise `[n, channels, height, width]`. uint8 if all values are whole
        numbers from 0 to 255, as in image files, otherwise float32.
    """
    mean, std = (np.array(values).reshape(1, -1, 1, 1) for values in (description.mean, description.std))
    values = (images.double().numpy() * std + mean) * DIVISORS[description.scale]
    whole = np.rint(values)
    is_image = bool((np.abs(values - whole) < NEAR).all()) and whole.min() >= 0 and whole.max() <= 255
    result: Array = whole.astype(np.uint8) if is_image else values.astype(np.float32)
    return result[:, 0] if result.shape[1] == 1 else result
