from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prunesweep.data import folder
from prunesweep.data.folder import read
from prunesweep.data.settings import FolderDataset, cache_folder
from prunesweep.errors import UsageError


def image(value: int, size: tuple[int, int] = (4, 6), *, color: bool = False) -> Image.Image:
    return Image.fromarray(np.full((*size, 3) if color else size, value, np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data set of two classes. The value of each pixel of an image is the number in its name."""
    for name in ("train/cat/1.png", "train/dog/0.png", "train/cat/2.png", "train/dog/3.png", "test/dog/0.png"):
        write(tmp_path / name, image(int(Path(name).stem)))
    return tmp_path


def write(path: Path, picture: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def settings(root: Path, **fields: object) -> FolderDataset:
    return FolderDataset(root=str(root), **fields)  # type: ignore[arg-type]


def test_examples_are_in_the_order_of_their_file_names(root: Path) -> None:
    parts = read(settings(root))
    assert parts.train.images.shape == (4, 4, 6, 1)
    assert parts.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert parts.train.labels.tolist() == [1, 0, 0, 1]
    assert parts.classes == ("cat", "dog")
    assert parts.validation is None
    write(root / "val" / "cat" / "9.png", image(9))
    validation = read(settings(root)).validation
    assert validation is not None
    assert validation.images[0, 0, 0].tolist() == [9]


def test_images_are_decoded_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(settings(root))
    decoded: list[object] = []
    original = folder._decode
    monkeypatch.setattr(folder, "_decode", lambda *given: decoded.append(given) or original(*given))
    again = read(settings(root))
    assert not decoded
    assert np.array_equal(again.train.images, expected.train.images)
    assert again.train.images.flags.writeable, "torch warns about other arrays"
    write(root / "train" / "cat" / "1.png", image(7))
    assert read(settings(root)).train.images[1, 0, 0].tolist() == [7]
    assert len(decoded) == 1, "the content of a file changed"


def test_a_damaged_file_in_the_cache_is_written_again(root: Path) -> None:
    read(settings(root, size=3))
    for path in (cache_folder() / "folders").iterdir():
        path.write_bytes(b"damaged")
    assert read(settings(root, size=3)).train.images.shape == (4, 3, 3, 1)


def test_images_can_be_resized_and_converted(root: Path) -> None:
    write(root / "train" / "cat" / "2.png", image(100, (8, 9), color=True))
    assert read(settings(root, size=[4, 5])).train.images.shape == (4, 4, 5, 3)
    parts = read(settings(root, size=[4, 5], grey=True))
    assert parts.train.images[:, 2, 2].tolist() == [[0], [1], [100], [3]]


def test_grey_and_color_images_together_have_three_channels(root: Path) -> None:
    write(root / "train" / "cat" / "2.png", image(100, color=True))
    images = read(settings(root)).train.images
    assert images[:, 0, 0].tolist() == [[0, 0, 0], [1, 1, 1], [100, 100, 100], [3, 3, 3]]
    assert np.array_equal(images, read(settings(root, grey=False)).train.images)


def test_other_files_are_ignored(root: Path) -> None:
    (root / "train" / "cat" / "notes.txt").write_text("hello")
    (root / "train" / "cat" / "._1.png").write_text("hello")
    (root / "train" / ".cache").mkdir()
    assert len(read(settings(root)).train) == 4


def test_bad_folders_are_refused(root: Path) -> None:
    def refused(message: str, root: Path = root, **fields: object) -> None:
        with pytest.raises(UsageError, match=message):
            read(settings(root, **fields))

    refused("has no folder train", root / "nothing")
    (root / "train" / "cat" / "5.png").write_text("not an image")
    refused("train/cat/5.png: cannot be read as an image .cannot identify image file")
    write(root / "train" / "cat" / "5.png", image(5, (4, 7)))
    refused("train/cat/5.png: is 4 pixels high and 7 wide, but most images are 4 pixels high and 6 wide. Set dataset.s")
    write(root / "train" / "cat" / "5.png", Image.fromarray(np.full((4, 6), 1_000, np.uint16)))
    refused("train/cat/5.png: cannot be read as an image .its mode I;16 has more than 8 bits")
    (root / "train" / "cat" / "5.png").unlink()
    (root / "train" / "bird").mkdir()
    refused("train/bird: contains no image. Formats: .bmp")
    (root / "train" / "bird").rmdir()
    write(root / "test" / "dgo" / "1.png", image(5))
    refused("test/dgo: is not a class of the training images in .*train. Did you mean 'dog'")


def test_a_fifo_is_not_read(root: Path) -> None:
    import os

    os.mkfifo(root / "train" / "cat" / "5.png")
    with pytest.raises(UsageError, match=r"5.png: cannot be read .is not a regular file"):
        read(settings(root))


def test_a_picture_with_too_many_pixels_is_not_decoded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_IMAGE", 23)
    with pytest.raises(UsageError, match=r"cannot be read as an image .it has 24 pixels, more than 23"):
        read(settings(root, size=[2, 3]))  # not in the cache
