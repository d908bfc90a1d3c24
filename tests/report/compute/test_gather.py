from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import Run, gather, repeats, swept


def test_several_sweeps_are_told_apart_by_name(sweep: Sweep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = sweep("one", (0.5,), (0,)), sweep("two", (0.5,), (0, 1))
    assert [run.name for run in gather([two]).done] == ["0", "1"]
    both = gather([one, two])
    assert [run.name for run in both.done] == ["one/0", "two/0", "two/1"]
    assert both.sweeps == ("one", "two")
    assert both.done[2].command == "prunesweep reproduce two/1"


def test_settings_come_from_the_complete_config(sweep: Sweep) -> None:
    (run,) = gather([sweep(amounts=(0.5,), seeds=(3,))]).done
    assert run.settings == {
        "model.name": "lenet5",
        "dataset.name": "mnist",
        "dataset.validation": 5000,
        "seed": 3,
        "layers.include": "[*]",
        "layers.kinds": "[conv, fc]",
        "prune.amount": 0.5,
        "prune.criterion": "l1",
        "store.dir": "/elsewhere/3",
    }


@pytest.mark.parametrize("config", [None, "a: [", "- 1\n- 2\n", "\x00"])
def test_without_a_config_the_overrides_stand_for_it(config: str | None, sweep: Sweep) -> None:
    folder = sweep(amounts=(0.5,), seeds=(0,))
    path = folder / "0" / ".hydra" / "config.yaml"
    path.unlink()
    if config is not None:
        path.write_text(config)
    assert gather([folder]).done[0].settings == {"prune.amount": "0.5", "seed": "0"}


def test_a_block_is_read_like_the_whole_file(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0))
    (tmp_path / "0" / ".hydra" / "config.yaml").write_text(
        "# a comment\na:\n  list:\n  - x\n  - 1\n  text: 'two\n\n    lines'\n"
        "  none: null\n  empty: {}\n  far: .inf\nb: true\n"
    )
    assert gather([tmp_path]).done[0].settings == {
        "a.list": "[x, 1]",
        "a.text": "two\nlines",
        "a.none": None,
        "a.empty": "{}",
        "a.far": "inf",
        "b": True,
    }


def test_what_has_no_result_is_listed_with_its_reason(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0))
    fake_run(tmp_path / "1", {**fake_fields(0.5, 1), "schema_version": 0})
    fake_run(tmp_path / "2", {**fake_fields(0.5, 2), "status": "failed", "error": "diverged"})
    fake_run(tmp_path / "3", fake_fields(0.5, 3))
    (tmp_path / "3" / "result.json").unlink()
    found = gather([tmp_path])
    assert [run.name for run in found.done] == ["0"]
    assert [(lost.name, lost.status) for lost in found.lost] == [
        ("1", "unreadable"),
        ("2", "failed"),
        ("3", "unfinished"),
    ]
    assert found.lost[0].reason == "result.json: schema_version 0, this release reads 1"
    assert found.lost[1].reason == "diverged"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("seed", True),
        ("store.dir", True),
        ("search.replicates", True),
        ("study", True),
        ("dataset.root", True),
        ("dataset.name", False),
        ("seeds", False),
    ],
)
def test_what_repetitions_may_differ_in(key: str, expected: bool) -> None:
    assert repeats(key) is expected


def runs_with(*settings: dict[str, object]) -> list[Run]:
    fields = fake_fields(0.5, 0)
    return [Run("", Path(), "", fields, own) for own in settings]  # type: ignore[arg-type]


def test_swept_are_the_settings_that_differ_but_for_what_a_name_settles() -> None:
    runs = runs_with(
        {"model.name": "a", "model.width": 1, "prune.amount": 0.1, "prune.criterion": "l1", "seed": 0, "same": 1},
        {"model.name": "b", "model.width": 2, "prune.amount": 0.2, "prune.criterion": "l1", "seed": 1, "same": 1},
        {"model.name": "b", "model.width": 2, "prune.amount": 0.3, "prune.criterion": "l2", "seed": 2, "same": 1},
    )
    assert swept(runs) == ["model.name", "prune.amount", "prune.criterion"]


def test_a_setting_that_only_some_runs_have_is_not_swept_unless_it_differs_among_them() -> None:
    runs = runs_with(
        {"schedule.name": "one_shot"},
        {"schedule.name": "iterative", "schedule.rounds": 3, "schedule.rate": 1},
        {"schedule.name": "iterative", "schedule.rounds": 5, "schedule.rate": 1},
    )
    assert swept(runs) == ["schedule.name", "schedule.rounds"]


def test_a_number_that_never_repeats_settles_nothing() -> None:
    runs = runs_with({"prune.amount": 0.1, "prune.scope": "global"}, {"prune.amount": 0.2, "prune.scope": "layerwise"})
    assert swept(runs) == ["prune.amount", "prune.scope"]
    assert swept([]) == []
