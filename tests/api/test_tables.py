from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run

from prunesweep import load
from prunesweep.errors import UsageError
from prunesweep.results.result import write_failed


def test_a_table_has_a_row_for_each_run_and_a_column_for_each_swept_setting(sweep: Sweep) -> None:
    folder = sweep(amounts=(0.2, 0.9), seeds=(0, 1))
    runs = load(folder)
    assert list(runs.columns[:2]) == ["prune.amount", "seed"]
    assert runs.columns[-1] == "directory"
    assert runs[["prune.amount", "seed"]].to_numpy().tolist() == [[0.2, 0], [0.2, 1], [0.9, 0], [0.9, 1]]
    assert list(runs["directory"]) == [str(folder / str(number)) for number in range(4)]
    assert runs.loc[3, "final.test_accuracy"] == fake_fields(0.9, 1)["final"]["test_accuracy"]
    assert runs.loc[3, "layers.conv1.nonzero"] == 16
    assert runs["params_nonzero"].dtype == "int64"
    assert not {"status", "history", "rounds", "overrides"} & set(runs.columns)


def test_options_of_groups_are_columns_as_typed(tmp_path: Path) -> None:
    given = {
        "0": ("model=lenet5", "prune=l1", "layers=all", "store.dir=a", "+finetune.lr_scale=0.1"),
        "1": ("model=lenet5_caffe", "prune=snip", "layers=fc", "store.dir=b", "~experiment"),
    }
    for name, overrides in given.items():
        fake_run(tmp_path / name, {**fake_fields(0.5, 0), "overrides": list(overrides)})
    runs = load(tmp_path)
    assert list(runs["model"]) == ["lenet5", "lenet5_caffe"]
    assert list(runs["prune"]) == ["l1", "snip"]
    assert list(runs["layers"]) == ["all", "fc"]
    assert list(runs["finetune.lr_scale"].isna()) == [False, True]
    assert "store.dir" not in runs
    assert len(set(runs.columns)) == len(runs.columns)


def test_a_setting_that_only_one_sweep_gave_is_completed_from_the_saved_settings(tmp_path: Path) -> None:
    fake_run(tmp_path / "one" / "0", {**fake_fields(0.5, 0), "overrides": ["prune=l1"]})
    changed = {**fake_fields(0.5, 0), "overrides": ["dataset.validation=500"]}
    fake_run(tmp_path / "two" / "0", changed, dataset__validation=500, prune__criterion="l2")
    runs = load(tmp_path / "one", str(tmp_path / "two"))
    assert list(runs["dataset.validation"]) == [5_000, 500]
    assert list(runs["prune"]) == ["l1", "l2"]


def test_a_single_run_has_no_swept_setting(sweep: Sweep) -> None:
    runs = load(sweep(amounts=(0.2,), seeds=(0,)) / "0")
    assert runs.columns[0] == "model"
    assert len(runs) == 1


def test_the_same_directory_counts_once(sweep: Sweep) -> None:
    folder = sweep(amounts=(0.2,), seeds=(0, 1))
    assert len(load(folder, str(folder))) == 2


def test_failed_runs_are_left_out_with_a_warning(sweep: Sweep) -> None:
    folder = sweep(amounts=(0.2, 0.5), seeds=(0,))
    (folder / "1" / "result.json").unlink()
    write_failed(folder / "1", ["prune.amount=0.5"], ValueError("too much"))
    with pytest.warns(UserWarning, match=r"1 runs without a result are left out. The first is .*too much"):
        assert len(load(folder)) == 1


def test_the_number_of_columns_is_limited(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunesweep.api.tables.MAX_COLUMNS", 2)
    assert list(load(sweep()).columns) == ["prune.amount", "seed", "directory"]


def test_a_directory_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not contain a run"):
        load(tmp_path)
    with pytest.raises(UsageError, match="needs the directory of a sweep"):
        load()
