import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.data.examples import Examples, Parts, as_images, as_labels, checked
from prunesweep.errors import UsageError


def part(labels: list[int], shape: tuple[int, ...] = (4, 5, 1), kind: type = np.uint8) -> Examples:
    return Examples(np.zeros((len(labels), *shape), kind), np.array(labels, np.int64))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 5, 6), (2, 5, 6, 1)),
        ((2, 5, 6, 3), (2, 5, 6, 3)),
        ((2, 3, 5, 6), (2, 5, 6, 3)),
        ((2, 5, 6, 7), (2, 5, 6, 7)),
        ((2, 3, 5, 4), (2, 3, 5, 4)),
    ],
    ids=["grey", "channels last", "channels first", "many channels", "both small: channels last"],
)
def test_channels_become_the_last_dimension(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape)).reshape(shape) % 251
    images = as_images(values, "x")
    assert images.shape == expected
    assert images.dtype == np.uint8
    assert sorted(images.ravel()) == sorted(values.ravel())
    if expected[1:3] == shape[2:]:
        assert images[1, 2, 3, 1] == values[1, 1, 2, 3]


@given(st.sampled_from(["u1", "u2", "i4", "i8", "f2", "f4", "f8"]), st.integers(0, 255))
def test_pixels_keep_their_values(kind: str, value: int) -> None:
    images = as_images(np.full((1, 2, 2), value, kind), "x")
    assert images.dtype == (np.float32 if kind.startswith("f") else np.uint8)
    assert images[0, 1, 1, 0] == np.full((), value, kind)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 4)), r"x: images have the shape \[3, 4\]. Expected \[n, height, width\]"),
        (np.zeros((3, 0, 4)), r"x: images have the shape \[3, 0, 4\]"),
        (np.full((1, 2, 2), 256), "x: has whole numbers from 256 to 256, but pixels are from 0 to 255"),
        (np.full((1, 2, 2), -1), "x: has whole numbers from -1 to -1"),
        (np.full((1, 2, 2), np.nan), "x: has values that are not finite numbers"),
        (np.full((1, 2, 2), 1e300), "x: has values that are not finite numbers"),
        (np.full((1, 2, 2), None), "x: has values of type object, not numbers"),
        (np.full((1, 2, 2), "a"), "x: has values of type <U1, not numbers"),
    ],
)
def test_what_is_not_an_array_of_images_is_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        as_images(values, "x")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0], "y: labels have the type float64"),
        ([[1, 0], [0, 1]], r"y: labels have the type int64 and the shape \[2, 2\]. Expected one whole number"),
        ([0], "y: has 1 labels for 2 images"),
        ([0, -1], "y: has labels from -1 to 0. Labels must be 0, 1, ..., n-1"),
    ],
)
def test_what_is_not_an_array_of_labels_is_refused(labels: list[object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        as_labels(np.array(labels), 2, "y")


def test_a_column_of_labels_is_accepted() -> None:
    assert as_labels(np.array([[2], [1]], np.uint8), 2, "y").tolist() == [2, 1]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (part([0, 1]), part([]), "d: the test split is empty"),
        (part([]), part([0]), "d: the train split is empty"),
        (part([0, 1]), part([0], (4, 6, 1)), r"d: images of the test split are 4x6 .* the train split are 4x5"),
        (part([0, 1]), part([0], (4, 5, 3)), "d: images of the test split are 4x5 with 3"),
        (part([0, 1]), part([0], kind=np.float32), "d: images of the test split are .* float32"),
        (part([0, 1]), part([2]), "d: the test split has classes without a training example: 2"),
        (part([0, 2]), part([0]), r"d: labels must be 0, 1, ..., n-1, but no training example has the label 1"),
        (part([0, 0]), part([0]), "d: has a single class"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(train: Examples, test: Examples, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        checked(Parts(train, test, ("a", "b")), "d")


def test_a_class_may_lack_test_examples() -> None:
    parts = Parts(part([0, 1]), part([1]), ("a", "b"))
    assert checked(parts, "d") is parts
