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
    mean, std = (np.array(each).reshape(1, -1, 1, 1) for each in (description.mean, description.std))
    values = (images.double().numpy() * std + mean) * DIVISORS[description.scale]
    whole = np.rint(values).clip(0, 255).astype(np.uint8)
    is_image = np.array_equal(_normalized(whole, description), images.numpy())
    result = whole if is_image else _exact(values.astype(np.float32), images.numpy(), description)
    return result[:, 0] if result.shape[1] == 1 else result


def _normalized(values: Array, description: Description) -> Array:
    """Return normalized pixels, with the operations with which data sets are normalized."""
    mean, std = (np.array(each, np.float32).reshape(1, -1, 1, 1) for each in (description.mean, description.std))
    with np.errstate(over="ignore"):  # large numbers become infinite
        result: Array = (values.astype(np.float32) / np.float32(DIVISORS[description.scale]) - mean) / std
    return result


def _exact(approximate: Array, images: Array, description: Description) -> Array:
    """Return float32 pixels whose normalized values are exactly `images`, if these are normalized pixels.

    The approximate ones are a rounding error away, and could become other integers in an integer program.
    """
    low, high = np.full(images.shape, -LARGEST_KEY), np.full(images.shape, LARGEST_KEY)
    while (low < high).any():  # find the smallest pixels whose normalized values are not below the images
        middle = (low + high) // 2
        reached = _normalized(_number_at(middle), description) >= images
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return np.where(_normalized(approximate, description) == images, approximate, _number_at(high))


LARGEST_KEY = 0x7F7FFFFF
"""The key of the largest finite float32 number: the keys of numbers in ascending order are consecutive integers."""


def _number_at(key: Array) -> Array:
    """Return the float32 numbers with the given keys."""
    bits: Array = np.where(key < 0, 0x80000000 - key, key).astype(np.uint32)
    return bits.view(np.float32)
