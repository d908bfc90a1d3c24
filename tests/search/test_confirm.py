import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from searches import content, list_trials, save_search
from support import change, edit

from prunesweep.cli import main
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment.run import run
from prunesweep.experiment.saved import save_config
from prunesweep.results.run_directory import RunDirectory, find_runs
from prunesweep.search import confirm as module
from prunesweep.search.confirm import confirm, describe, new_seeds, plan
from prunesweep.store.settings import StoreSettings

Settings = Callable[..., RunConfig]
Make = Callable[..., Path]


@pytest.fixture
def sweep(settings: Settings, tmp_path: Path) -> Make:
    """Writes the directory of a search with a Pareto set of trials with these settings, by their numbers."""

    def make(**trials: RunConfig) -> Path:
        folder = tmp_path / "mine"
        configs = {int(name.removeprefix("t")): config for name, config in (trials or {"t7": settings(seed=3)}).items()}
        for number, config in configs.items():
            run(config, folder / str(number), [f"seed={config.seed}", "threads=1"])
            save_config(folder / str(number), config)
        return list_trials(folder, configs, configs)

    return make


def table(sweep: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((sweep / "confirmed.csv").read_text().splitlines()))


def test_the_pareto_set_and_its_dense_network_run_again_with_new_seeds(
    sweep: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep()
    assert main(["confirm", str(folder), "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert "trial 7" in out
    assert "mean ± sd over 2 new seeds" in out
    dense, trial = table(folder)
    assert (dense["network"], dense["optimism"], dense["param_reduction"]) == ("dense", "", "0.0")
    assert float(trial["optimism"]) == float(trial["searched val_accuracy"]) - float(trial["val_accuracy"])
    assert float(trial["test_accuracy sd"]) > 0
    assert sorted(path.name for path in (folder / "confirmed" / "7").iterdir()) == ["seed=4", "seed=5"]


def test_confirmed_runs_are_complete_and_can_be_reported_and_reproduced(
    sweep: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep()
    confirm(plan(folder, 2))
    one, other = find_runs(folder / "confirmed")
    assert (one.name, one.settings["seed"], other.settings["seed"]) == ("7/seed=4", 4, 5)
    assert one.overrides == ["threads=1", "seed=4"]
    assert OmegaConf.load(one.folder / ".hydra" / "overrides.yaml") == one.overrides
    assert main(["report", str(folder / "confirmed")]) == 0
    assert "2 of 2 runs completed" in capsys.readouterr().out
    assert main(["reproduce", str(one.folder), "--out", str(tmp_path / "again")]) == 0
    assert capsys.readouterr().out == "identical\n"


def test_a_report_of_the_search_contains_the_trials_alone(sweep: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep()
    confirm(plan(folder, 1))
    assert [each.name for each in find_runs(folder)] == ["7"]
    assert main(["report", str(folder)]) == 0
    assert "1 of 1 runs completed" in capsys.readouterr().out


def test_each_trial_has_its_own_dense_network_and_equal_ones_share_a_row(sweep: Make, settings: Settings) -> None:
    config = settings()
    other = replace(config, train=replace(config.train, epochs=1))
    folder = sweep(t2=config, t5=other, t9=replace(config, prune=replace(config.prune, amount=0.9)))
    confirm(plan(folder, 1))
    first, second, *trials = table(folder)
    assert [first["network"], second["network"]] == ["dense of trial 2, 9", "dense of trial 5"]
    assert [row["network"] for row in trials] == ["trial 2", "trial 5", "trial 9"]
    (run_of_other,) = find_runs(folder / "confirmed" / "5")
    assert float(second["val_accuracy"]) == run_of_other.result["dense"]["val_accuracy"]
    assert second["val_accuracy"] != first["val_accuracy"]


def test_completed_runs_are_kept_and_others_are_run(
    sweep: Make, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sweep()
    confirm(plan(folder, 2))
    before = table(folder)
    ran: list[str] = []

    def counting(config: RunConfig, folder: Path, *arguments: object) -> None:
        ran.append(folder.name)
        run(config, folder, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "run", counting)
    confirm(plan(folder, 2))
    assert ran == []
    (folder / "confirmed" / "7" / "seed=4" / "result.json").unlink()
    confirm(plan(folder, 2))
    assert ran == ["seed=4"]
    assert table(folder) == before
    edit(folder / "7", prune__amount=0.9)
    confirm(plan(folder, 2))
    assert ran == ["seed=4", "seed=4", "seed=5"], "with other settings"


def test_a_directory_never_contains_the_result_of_another_configuration(
    sweep: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sweep()
    confirm(plan(folder, 1))
    edit(folder / "7", prune__amount=0.9)
    monkeypatch.setattr(module, "run", lambda *_: pytest.fail("interrupted"))
    with pytest.raises(pytest.fail.Exception, match="interrupted"):
        confirm(plan(folder, 1))
    (interrupted,) = find_runs(folder / "confirmed")
    assert interrupted.settings["prune.amount"] == 0.9
    assert interrupted.status == "unfinished"


def test_new_seeds_are_those_that_no_run_of_the_search_used() -> None:
    runs = [RunDirectory(Path(), str(seed), {"status": "completed", "seed": seed}) for seed in (3, 8, 4)]
    assert new_seeds([*runs, RunDirectory(Path(), "9", {"status": "failed"})], 2) == [9, 10]


def test_the_users_own_store_is_used_and_keeps_its_entries(
    sweep: Make, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sweep(t7=settings(store=StoreSettings(dir=str(tmp_path / "store"), max_gb=0)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    confirm(plan(folder, 1))
    assert len(list((tmp_path / "cache" / "prunesweep" / "store").glob("??/*.json"))) > 0
    assert not list((tmp_path / "store").glob("??/*.json"))


def test_the_plan_comes_before_the_runs(sweep: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep()
    before = content(folder)
    assert main(["confirm", str(folder), "--seeds", "2", "--dry-run"]) == 0
    first = capsys.readouterr().out.splitlines()
    assert first[:2] == [
        "1 trial: 1 of the Pareto set, and 0 whose 95 % interval reaches it",
        "2 runs with new seeds",
    ]
    assert first[2].startswith("2 runs: 4 steps, of them 0 epochs; ")
    assert content(folder) == before
    assert main(["confirm", str(folder), "--seeds", "1"]) == 0
    assert capsys.readouterr().out.startswith(first[0])
    assert main(["confirm", str(folder), "--seeds", "2", "--dry-run"]) == 0
    assert "2 runs with new seeds, 1 of them completed\n1 run: " in capsys.readouterr().out


def test_the_plan_says_which_trials_are_left_out(tmp_path: Path) -> None:
    trials = {0: [(0.97, 0.5)], 1: [(0.96, 0.5)], 2: [(0.95, 0.5)], 3: [(0.5, 0.5)], 4: [(0.9, 0.4)]}
    folder = save_search(tmp_path, trials)
    (folder / "4" / "result.json").unlink()
    texts = list(describe(plan(folder, 3, most=1, level=0.9)))
    assert texts[:3] == [
        "2 trials: 1 of the Pareto set, and the 1 nearest of 2 whose 90 % interval reaches it",
        "1 trial on other machines: not considered",
        "6 runs with new seeds",
    ]


def test_candidates_outside_of_the_set_are_confirmed_after_it(
    sweep: Make, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings()
    folder = sweep(t2=config, t5=replace(config, prune=replace(config.prune, amount=0.1)))
    for number, accuracy in ((2, 0.9), (5, 0.899)):
        scores = {"val_accuracy": accuracy, "test_accuracy": accuracy, "val_loss": 1.0}
        change(folder / str(number) / "result.json", final=scores, param_reduction=0.5)
    list_trials(folder, [2], [2, 5])
    assert main(["confirm", str(folder), "--seeds", "1"]) == 0
    assert "2 trials: 1 of the Pareto set, and 1 whose" in capsys.readouterr().out
    _, member, other = table(folder)
    assert [(row["network"], row["searched pareto"]) for row in (member, other)] == [
        ("trial 2", "yes"),
        ("trial 5", "no"),
    ]
    assert member["searched distance"] == "0.0"
    assert 0 < float(other["searched distance"]) < 1


def test_the_number_of_seeds_is_checked(sweep: Make) -> None:
    with pytest.raises(UsageError, match="--seeds=0"):
        plan(sweep(), 0)
