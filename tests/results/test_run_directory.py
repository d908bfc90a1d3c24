import json
from pathlib import Path

import pytest
from fakes import fake_fields, fake_run

from prunesweep.results.result import write
from prunesweep.results.run_directory import find_runs, read_run, short_path


def folder(sweep: Path, name: str) -> Path:
    path = sweep / name
    (path / ".hydra").mkdir(parents=True)
    return path


def test_runs_are_sorted_by_their_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "0", "1/b", "1/a"):
        write(folder(tmp_path, name), {"status": "failed", "overrides": []})
    assert [run.name for run in find_runs(tmp_path)] == ["0", "1/a", "1/b", "9", "10"]


def test_a_completed_run(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 3))
    run = read_run(tmp_path / "0")
    assert (run.name, run.status, run.completed, run.error) == (".", "completed", True, "")
    assert run.overrides == ["prune.amount=0.5", "seed=3"]
    assert run.result["seed"] == 3


def test_a_failed_run_has_its_reason_and_overrides(tmp_path: Path) -> None:
    write(folder(tmp_path, "0"), {"status": "failed", "error": "diverged", "overrides": ["seed=1"]})
    (run,) = find_runs(tmp_path)
    assert (run.status, run.completed, run.error, run.overrides) == ("failed", False, "diverged", ["seed=1"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": "lenet5"}', "[" * 100_000, '{"status": NaN}'])
def test_a_run_with_a_broken_result_is_unreadable(content: str, tmp_path: Path) -> None:
    (folder(tmp_path, "0") / "result.json").write_text(content)
    (run,) = find_runs(tmp_path)
    assert run.status == "unreadable"
    assert run.error.startswith("result.json: ")


def test_a_result_of_another_layout_is_unreadable(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", {**fake_fields(0.5, 1), "schema_version": 0})
    run = read_run(tmp_path / "0")
    assert (run.status, run.error) == ("unreadable", "result.json: schema_version 0, this release reads 1")


def test_a_run_without_a_result_is_unfinished(tmp_path: Path) -> None:
    folder(tmp_path, "0")
    (run,) = find_runs(tmp_path)
    assert (run.status, run.overrides) == ("unfinished", [])


def test_settings_are_those_of_the_complete_config(tmp_path: Path) -> None:
    fake_run(tmp_path, fake_fields(0.5, 3))
    assert read_run(tmp_path).settings == {
        "model": "lenet5",
        "dataset": "mnist",
        "prune": "l1",
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
def test_without_a_readable_config_settings_are_the_overrides(config: str | None, tmp_path: Path) -> None:
    fake_run(tmp_path, fake_fields(0.5, 0))
    path = tmp_path / ".hydra" / "config.yaml"
    path.unlink()
    if config is not None:
        path.write_text(config)
    assert read_run(tmp_path).settings == {"prune.amount": "0.5", "seed": "0"}


def test_settings_of_every_kind(tmp_path: Path) -> None:
    fake_run(tmp_path, fake_fields(0.5, 0))
    (tmp_path / ".hydra" / "config.yaml").write_text(
        "# a comment\na:\n  list:\n  - x\n  - 1\n  text: 'two\n\n    lines'\n"
        "  none: null\n  empty: {}\n  far: .inf\nb: true\n"
    )
    assert read_run(tmp_path).settings == {
        "a.list": "[x, 1]",
        "a.text": "two\nlines",
        "a.none": None,
        "a.empty": "{}",
        "a.far": "inf",
        "b": True,
    }


@pytest.mark.parametrize(
    ("content", "is_read"),
    [
        ({"environment": {"torch": "2"}, "steps": [{"step": "Init", "digest": "ab"}]}, True),
        ({"environment": {}, "steps": [{"step": "Init"}]}, False),
        ({"steps": []}, False),
        ([], False),
    ],
)
def test_provenance_is_read_if_it_is_complete(content: object, is_read: bool, tmp_path: Path) -> None:
    (tmp_path / "provenance.json").write_text(json.dumps(content))
    assert read_run(tmp_path).provenance == (content if is_read else None)


def test_a_run_may_have_no_provenance(tmp_path: Path) -> None:
    assert read_run(tmp_path).provenance is None


def test_runs_that_confirm_a_search_are_not_runs_of_the_search(tmp_path: Path) -> None:
    for name in ("0", "confirmed/3/seed=5"):
        fake_run(tmp_path / name, fake_fields(0.5, 0))
    assert [run.name for run in find_runs(tmp_path)] == ["0", "confirmed/3/seed=5"]  # an ordinary folder of this name
    (tmp_path / "optimization_results.yaml").write_text("")
    assert [run.name for run in find_runs(tmp_path)] == ["0"]
    assert [run.name for run in find_runs(tmp_path / "confirmed")] == ["3/seed=5"]


def test_paths_below_the_working_directory_are_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert short_path(Path("sweep")) == Path("sweep")
    assert short_path(tmp_path / "here" / "sweep") == Path("sweep")
    assert short_path(tmp_path / "other") == (tmp_path / "other").resolve()
