from pathlib import Path

import pytest
from omegaconf import OmegaConf
from searches import list_trials, save_search
from support import change

from prunesweep.errors import UsageError
from prunesweep.results.objectives import objective
from prunesweep.search.saved_trials import read_search

ACCURACY, REDUCTION = objective("val_accuracy"), objective("param_reduction")
POINTS = {3: [(0.9, 0.5)], 5: [(0.8, 0.5)], 7: [(0.7, 0.9)]}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return save_search(tmp_path / "mine", POINTS)


def test_the_completed_trials_of_a_search_and_those_of_its_pareto_set(sweep: Path) -> None:
    search = read_search(sweep)
    assert [(each.number, each.member) for each in search.trials] == [(3, True), (7, True), (5, False)]
    assert [(each.mean(ACCURACY), each.mean(REDUCTION)) for each in search.trials] == [
        (0.9, 0.5),
        (0.7, 0.9),
        (0.8, 0.5),
    ]
    assert {each.images for each in search.trials} == {500}
    assert search.goals == [ACCURACY, REDUCTION]
    assert search.absent == 0


def test_a_trial_with_several_seeds(tmp_path: Path) -> None:
    (trial,) = read_search(save_search(tmp_path, {3: [(0.8, 0.5), (0.9, 0.5)]})).trials
    assert trial.values(ACCURACY) == [0.8, 0.9]
    assert trial.mean(ACCURACY) == pytest.approx(0.85)


def test_the_recorded_number_of_images_is_used(sweep: Path) -> None:
    names = [str(index) for index in range(10)]
    sizes = {"train": 1_000, "validation": 250, "test": 10}
    change(
        sweep / "3" / "result.json", classes=names, examples=sizes, class_accuracy=[1.0] * 10, confusion=[[1] * 10] * 10
    )
    assert [trial.images for trial in read_search(sweep).trials] == [250, 500, 500]


def test_trials_of_other_machines_are_absent_unless_they_are_in_the_set(sweep: Path) -> None:
    (sweep / "5").rename(sweep.parent / "5")
    search = read_search(sweep)
    assert [each.number for each in search.trials] == [3, 7]
    assert search.absent == 1
    list_trials(sweep, [3, 5], POINTS)
    with pytest.raises(UsageError, match=r"mine/5: does not exist. The directories of trials are on the machine"):
        read_search(sweep)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x,completed,5", "trials.csv: has a completed trial without a number or a directory"),
        ("5,completed,", "trials.csv: has a completed trial without a number or a directory"),
        ("5,completed,../5", "the directory ../5 leads out of the directory"),
        (f"5,completed,{'5' * 200_000}", "trials.csv: cannot be read (field larger"),
    ],
)
def test_a_table_that_the_search_did_not_write_is_refused(rows: str, message: str, sweep: Path) -> None:
    (sweep / "trials.csv").write_text(f"trial,status,directory\n{rows}\n")
    with pytest.raises(UsageError) as refused:
        read_search(sweep)
    assert message in str(refused.value)


@pytest.mark.parametrize("objectives", [None, {}, ["final.val_accuracy"]])
def test_results_without_objectives_are_refused(objectives: object, sweep: Path) -> None:
    path = sweep / "optimization_results.yaml"
    OmegaConf.save({**OmegaConf.load(path), "objectives": objectives}, path)
    with pytest.raises(UsageError, match="'objectives' does not contain the objectives of the search"):
        read_search(sweep)


def test_a_directory_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not contain optimization_results.yaml"):
        read_search(tmp_path)
    list_trials(tmp_path, [], [])
    with pytest.raises(UsageError, match="no completed trial"):
        read_search(tmp_path)
    list_trials(tmp_path, [7], [7])
    with pytest.raises(UsageError, match=r"/7: does not exist"):
        read_search(tmp_path)
    (tmp_path / "trials.csv").unlink()
    with pytest.raises(UsageError, match="does not contain trials.csv"):
        read_search(tmp_path)
