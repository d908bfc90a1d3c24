import base64
from pathlib import Path

import numpy as np
import pytest
from fakes import fake_fields, fake_run
from safetensors.numpy import save_file

from prunesweep.report.compute.pictures import dense_weights_of, histograms, pictures, selected, weights_of
from prunesweep.results.run_directory import RunDirectory


def content(data: str) -> list[int]:
    return list(base64.b64decode(data))


def test_pruned_entries_of_a_kernel_are_zero() -> None:
    weight = np.array([[[[1.0, -1.0], [0.0, 0.5]]]])
    (picture,) = pictures({"conv1": weight}, ["conv1"])
    assert (picture.kind, picture.rows, picture.columns, picture.count) == ("kernels", 2, 2, 1)
    assert content(picture.data) == [255, 1, 0, 192]  # 128 + 127 * weight


def test_a_first_linear_layer_is_drawn_over_its_square_input() -> None:
    weight = np.zeros((4, 64))
    weight[:2, 5] = 1
    over, matrix = pictures({"fc1": weight}, ["fc1"])
    assert (over.kind, over.rows, over.columns) == ("input", 8, 8)
    assert content(over.data)[4:7] == [0, 255, 0]
    assert (over.least, over.most) == (0, 0.5)  # 2 of 4 weights of one pixel are left
    assert over.left == matrix.left == 2 / 256
    assert (matrix.rows, matrix.columns) == (4, 64)
    assert content(matrix.data)[5] == 255


def test_a_large_matrix_is_drawn_in_blocks() -> None:
    weight = np.ones((250, 2))
    weight[0] = 0
    (picture,) = pictures({"fc2": weight}, ["fc2"])
    assert (picture.rows, picture.columns) == (84, 2)  # blocks of 3 outputs, the last one of 1
    assert content(picture.data)[:4] == [170, 170, 255, 255]
    assert (picture.least, picture.most) == (pytest.approx(2 / 3), 1)


def test_histograms_count_weights_that_are_left() -> None:
    after, before = np.array([[0.0, 1.0], [0.0, -1.0]]), np.array([[0.01, 1.0], [0.0, -1.0]])
    (histogram,) = histograms({"fc": after}, {"fc": before}, ["fc"])
    assert sum(histogram.after) == 2
    assert histogram.before is not None
    assert (sum(histogram.before), histogram.before[20]) == (4, 2)
    assert histograms({"fc": after}, None, ["fc"])[0].before is None


@pytest.mark.parametrize(("store", "found_in_store"), [("own", True), ("other", False)])
def test_weights_come_from_the_run_and_from_the_users_store(
    store: str, found_in_store: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, other = "ab" * 32, tmp_path / "other"
    own = tmp_path / "cache" / "prunesweep" / "store"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fields = fake_fields(0.5, 0, dense_digest=digest)
    fake_run(tmp_path / "run", fields, store__dir=str(other))  # the config could come from somebody else
    run = RunDirectory(tmp_path / "run", "run", fields)
    assert weights_of(run) is None
    assert dense_weights_of(run) is None
    weight = np.ones((2, 3), np.float32)
    save_file({"fc1.weight": weight, "fc1.bias": weight[0]}, tmp_path / "run" / "model.safetensors")
    folder = {"own": own, "other": other}[store] / "ab"
    folder.mkdir(parents=True)
    save_file({"weights/fc1.weight": weight, "optimizer/x": weight}, folder / f"{digest}.safetensors")
    final, dense = weights_of(run), dense_weights_of(run)
    assert final is not None
    assert list(final) == ["fc1"]
    assert (list(dense) if dense else None) == (["fc1"] if found_in_store else None)


def test_damaged_weights_have_no_pictures(tmp_path: Path) -> None:
    fields = fake_fields(0.5, 0)
    fake_run(tmp_path / "run", fields)
    run = RunDirectory(tmp_path / "run", "run", fields)
    (tmp_path / "run" / "model.safetensors").write_bytes(b"damaged")
    assert weights_of(run) is None
    save_file({"fc1.weight": np.full((2, 2), np.nan, np.float32)}, tmp_path / "run" / "model.safetensors")
    assert weights_of(run) == {}


def test_runs_on_the_frontier_get_pictures_first() -> None:
    assert selected([9, 2], 10, 4) == [0, 2, 5, 9]
    assert selected([3, 1], 4, 10) == [0, 1, 2, 3]
    assert selected([0, 1, 2], 5, 2) == [0, 1]
