import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from prunesweep.data import array_files
from prunesweep.data.array_files import read
from prunesweep.data.settings import ArraysDataset
from prunesweep.errors import UsageError

IMAGES, LABELS = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5), np.array([0, 1, 2, 0])
KERAS = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:2], "y_test": LABELS[:2]}
MEDMNIST = {
    "train_images": IMAGES,
    "train_labels": LABELS[:, None],
    "val_images": IMAGES[:1],
    "val_labels": LABELS[:1],
    "test_images": IMAGES[:2],
    "test_labels": LABELS[:2],
}


def settings(path: Path) -> ArraysDataset:
    return ArraysDataset(root=str(path))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("arrays", [KERAS, MEDMNIST], ids=["Keras", "MedMNIST"])
def test_arrays_are_read(arrays: dict[str, np.ndarray], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"data{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    else:
        save_file(arrays, path)
    parts = read(settings(path))
    assert np.array_equal(parts.train.images[..., 0], IMAGES)
    assert parts.train.labels.tolist() == [0, 1, 2, 0]
    assert parts.test.labels.tolist() == [0, 1]
    assert parts.classes == ("0", "1", "2")
    assert (parts.validation is not None) == ("val_images" in arrays)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({**KERAS, "x_train": np.array([None, {}], object)}, "cannot be read .Object arrays cannot be loaded"),
        ({"x_trian": IMAGES}, "has no array x_train. Did you mean 'x_trian'. It contains x_trian. Expected x_train, y"),
        ({"a": IMAGES}, "has no array x_train.* Expected x_train, y_train, x_test, y_test or train_images"),
        ({**KERAS, "y_train": LABELS[:3]}, "y_train: has 3 labels for 4 images"),
        ({**KERAS, "x_test": IMAGES[:2, :3]}, "images of the test split are 3x5"),
        ({**KERAS, "x_train": np.full((4, 6, 5), np.nan)}, "x_train: has values that are not finite"),
        ({**KERAS, "x_test": IMAGES[:0], "y_test": LABELS[:0]}, "the test split is empty"),
    ],
)
def test_bad_arrays_are_refused(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"dataset.root={path}: .*{message}"):
        read(settings(path))


def test_objects_in_arrays_that_are_not_used_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **KERAS, names=np.array([{}], object))  # type: ignore[arg-type]
    assert len(read(settings(tmp_path / "data.npz")).train) == 4


def test_files_that_are_not_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "data.csv").write_text("1,2")
    for name, message in (
        ("text.npz", "cannot be read .File is not a zip file"),
        ("data.csv", "must be a .npz or .safetensors file"),
        ("nothing.npz", "does not exist"),
    ):
        with pytest.raises(UsageError, match=message):
            read(settings(tmp_path / name))


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_files, "LIMIT", 10_000)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bytes(100_000))
    (tmp_path / "bomb.npz").write_bytes(content.getvalue())
    with pytest.raises(UsageError, match="its arrays have 100,000 bytes, more than 10,000"):
        read(settings(tmp_path / "bomb.npz"))
