"""Whole searches without Hydra: a launcher that writes results instead of training."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from unittest.mock import MagicMock, PropertyMock

import pytest
from fakes import fake_fields
from omegaconf import OmegaConf
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.results.objectives import SearchSettings
from prunesweep.results.result import write_failed
from prunesweep.results.run_directory import SEARCH_RESULTS
from prunesweep.search import loop
from prunesweep.search.conditions import Condition
from prunesweep.search.definition import definition
from prunesweep.search.dimensions import Choice, stepped
from prunesweep.search.ledger import Claim
from prunesweep.search.loop import Launch, SearchSpec, TrialRun, run_trials, search
from prunesweep.search.sampler import sampled
from prunesweep.search.space import Space

Settings = Callable[..., RunConfig]
SPACE = Space.of(
    (
        Choice("schedule", ("one_shot", "lottery")),
        stepped("prune.amount", Decimal("0.5"), Decimal("0.9"), Decimal("0.1")),
        stepped("finetune.epochs", 1, 3, 1),
    ),
    {"finetune.epochs": Condition("schedule", ("one_shot",))},
)


@pytest.fixture
def spec(settings: Settings, tmp_path: Path) -> SearchSpec:
    """A search for four trials."""
    config = settings()
    folder = tmp_path / "mine"
    return SearchSpec(
        "mine", folder, SPACE, definition(config, SPACE), config.search, 0, 4, 2, 0.25, OmegaConf.to_yaml({"seed": 0})
    )


def launcher(folder: Path, failing: str = "nothing") -> Launch:
    """Write results into the directories of the runs; those with the override `failing` fail."""

    def launch(runs: Sequence[TrialRun], first: int) -> None:
        assert runs[0].directory.partition("/")[0] == str(first)
        for run in runs:
            values = dict(text.split("=") for text in run.overrides)
            target = folder / run.directory
            if failing in run.overrides:
                write_failed(target, run.overrides, ValueError("no"))
                continue
            target.mkdir(parents=True)
            fields = fake_fields(float(values["prune.amount"]), int(values.get("seed", 0)))
            (target / "result.json").write_text(json.dumps(fields))

    return launch


def go(spec: SearchSpec, failing: str = "nothing") -> list[dict[str, str]]:
    """Run the search. Returns the rows of trials.csv."""
    search(spec, sampled(RandomSampler, spec.space, 0), launcher(spec.folder, failing))
    return list(csv.DictReader((spec.folder / "trials.csv").read_text().splitlines()))


def test_a_search_runs_its_trials_and_writes_the_tables(spec: SearchSpec) -> None:
    rows = go(spec)
    assert [row["status"] for row in rows].count("completed") == 4
    results = OmegaConf.load(spec.folder / SEARCH_RESULTS)
    assert results.trials.completed == 4
    assert all((spec.folder / each.directory / "result.json").exists() for each in results.pareto)
    assert (spec.folder / "multirun.yaml").read_text() == "seed: 0\n"


def test_a_search_continues_to_its_total(spec: SearchSpec) -> None:
    first = go(spec)
    again = go(replace(spec, total=6))
    assert again[: len(first)] == first
    assert [row["status"] for row in again].count("completed") == 6


def test_the_cell_of_a_key_that_is_not_searched_is_empty(spec: SearchSpec) -> None:
    rows = go(replace(spec, total=12, batch=12))
    epochs = {(row["schedule"], row["finetune.epochs"]) for row in rows if row["status"] == "completed"}
    assert ("lottery", "") in epochs
    assert {cell for schedule, cell in epochs if schedule == "one_shot"} <= {"1", "2", "3"}
    assert {schedule for schedule, _ in epochs} == {"one_shot", "lottery"}
    assert list(rows[0])[:6] == ["trial", "status", "directory", "schedule", "prune.amount", "finetune.epochs"]
    combinations = [
        (row["schedule"], row["prune.amount"], row["finetune.epochs"]) for row in rows if row["status"] == "completed"
    ]
    assert len(combinations) == len(set(combinations)) == 12


def test_replicates_run_each_trial_with_consecutive_seeds(spec: SearchSpec) -> None:
    rows = go(replace(spec, seed=3, settings=SearchSettings(replicates=2), total=2))
    row = next(row for row in rows if row["status"] == "completed")
    each = [float(row[f"final.val_accuracy seed={seed}"]) for seed in (3, 4)]
    assert float(row["final.val_accuracy"]) == sum(each) / 2
    assert sorted(path.parent.name for path in spec.folder.glob("0/*/result.json")) == ["seed=3", "seed=4"]


def test_too_many_failures_end_the_search(spec: SearchSpec) -> None:
    only = Space((Choice("schedule", ("one_shot",)), SPACE.dimensions[1]))
    with pytest.raises(UsageError, match=r"2 trials failed, more than hydra.sweeper.max_failure_rate=0.25 .* last: no"):
        go(replace(spec, space=only), failing="schedule=one_shot")


def test_a_launcher_that_raises_fails_the_trials_without_a_result(spec: SearchSpec) -> None:
    def launch(runs: Sequence[TrialRun], first: int) -> None:
        launcher(spec.folder)(runs[:1], first)
        raise RuntimeError("a worker was killed")

    search(replace(spec, total=2, max_failure_rate=0.5), sampled(RandomSampler, SPACE, 0), launch)
    rows = list(csv.DictReader((spec.folder / "trials.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["completed", "failed"]


def test_the_password_of_the_database_is_not_written(spec: SearchSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg://me:secret@host/db"
    monkeypatch.setattr(loop, "open_study", MagicMock(side_effect=UsageError("refused")))
    with pytest.raises(UsageError, match="refused"):
        go(replace(spec, settings=SearchSettings(storage=url)))
    assert not spec.folder.exists(), "a search that is refused writes nothing"
    loop._write_config(replace(spec, settings=SearchSettings(storage=url), config=f"search: {{storage: {url}}}\n"))
    assert (spec.folder / "multirun.yaml").read_text() == "search: {storage: postgresql+psycopg://me:***@host/db}\n"


def test_the_last_table_contains_trials_that_other_processes_ended_last(
    spec: SearchSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = create_trial(state=TrialState.COMPLETE, value=1.0)
    running, ended = create_trial(state=TrialState.RUNNING), create_trial(state=TrialState.COMPLETE, value=1.0)
    ledger = MagicMock()
    ledger.claim.side_effect = [Claim([mine], others=False), Claim([], others=False)]  # type: ignore[list-item]
    type(ledger).trials = PropertyMock(side_effect=[[], [mine, running], [], [mine, ended]])
    written: list[Sequence[FrozenTrial]] = []
    monkeypatch.setattr(loop, "write_tables", lambda spec, trials, pace: written.append(trials))
    run_trials(spec, ledger, lambda runs, first: None)
    assert written == [[mine, running], [mine, ended]]
