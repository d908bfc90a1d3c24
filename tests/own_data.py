"""Data of three classes that the tests draw, as image files, as arrays, and from a function."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("circle", "square", "stripes")
SIZES = {"train": 120, "test": 45}


def draw(label: int, random: np.random.Generator, size: int = 16) -> np.ndarray:
    """Return a grey image of a class at a random place."""
    y, x = np.mgrid[:size, :size]
    row, column, radius = (int(number) for number in random.integers((6, 6, 3), (10, 10, 6)))
    shapes = (
        (y - row) ** 2 + (x - column) ** 2 <= radius**2,
        (abs(y - row) < radius) & (abs(x - column) < radius),
        (x + column) % 4 < 2,
    )
    noise = random.normal(40, 15, (size, size))
    return np.clip(180 * shapes[label] + noise, 0, 255).astype(np.uint8)


def arrays(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels of a split."""
    random = np.random.default_rng(len(split))
    labels = np.arange(SIZES[split]) % 3
    return np.stack([draw(label, random) for label in labels]), labels


def load() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the training and test examples: the target of `dataset=custom`."""
    return arrays("train"), arrays("test")


def write_folder(root: Path) -> None:
    """Write the images for `dataset=folder`."""
    for split in SIZES:
        for index, (image, label) in enumerate(zip(*arrays(split), strict=True)):
            path = root / split / CLASSES[label] / f"{index:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)


def write_arrays(path: Path) -> None:
    """Write the arrays for `dataset=arrays`."""
    train, test = load()
    np.savez(path, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
