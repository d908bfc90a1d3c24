"""Whole searches without Hydra."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import MagicMock, PropertyMock

import pytest
from fakes import fake_fields
from omegaconf import OmegaConf
from optuna.trial import FrozenTrial, TrialState, create_trial
from searches import SPACE, launcher, run_search, search_spec

from prunesweep.errors import UsageError
from prunesweep.results.objectives import SearchSettings
from prunesweep.results.result import write
from prunesweep.results.run_directory import SEARCH_RESULTS
from prunesweep.search import loop
from prunesweep.search.dimensions import Choice
from prunesweep.search.evaluation import TrialRun
from prunesweep.search.executing import Batches
from prunesweep.search.ledger import Claim
from prunesweep.search.loop import SearchSpec, run_trials
from prunesweep.search.space import Space


@pytest.fixture
def spec(tmp_path: Path) -> SearchSpec:
    return search_spec(tmp_path / "mine")


@dataclass
class Clock:
    """Replaces the module `time`. Each look advances it by `step` seconds."""

    now: float = 0.0
    step: float = 0.0

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


def ended(folder: Path) -> str:
    return str(OmegaConf.load(folder / SEARCH_RESULTS).ended)


def test_a_search_runs_its_trials_and_writes_the_tables(spec: SearchSpec) -> None:
    rows = run_search(spec)
    assert [row["status"] for row in rows].count("completed") == 4
    results = OmegaConf.load(spec.folder / SEARCH_RESULTS)
    assert results.trials.completed == 4
    assert results.ended == "hydra.sweeper.n_trials=4 was reached"
    assert all((spec.folder / each.directory / "result.json").exists() for each in results.pareto)
    assert (spec.folder / "multirun.yaml").read_text() == "seed: 0\n"


def test_a_search_continues_to_its_total(spec: SearchSpec) -> None:
    first = run_search(spec)
    again = run_search(replace(spec, total=6))
    assert again[: len(first)] == first
    assert [row["status"] for row in again].count("completed") == 6


def test_the_cell_of_a_key_that_is_not_searched_is_empty(spec: SearchSpec) -> None:
    rows = run_search(replace(spec, total=12), batch=12)
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
    rows = run_search(replace(spec, seed=3, settings=SearchSettings(replicates=2), total=2))
    row = next(row for row in rows if row["status"] == "completed")
    each = [float(row[f"final.val_accuracy seed={seed}"]) for seed in (3, 4)]
    assert float(row["final.val_accuracy"]) == sum(each) / 2
    assert sorted(path.parent.name for path in spec.folder.glob("0/*/result.json")) == ["seed=3", "seed=4"]


def test_too_many_failures_end_the_search(spec: SearchSpec) -> None:
    only = Space((Choice("schedule", ("one_shot",)), SPACE.dimensions[1]))
    with pytest.raises(UsageError, match=r"2 trials failed, more than hydra.sweeper.max_failure_rate=0.25 .* last: no"):
        run_search(replace(spec, space=only), launcher(spec.folder, failing="schedule=one_shot"))
    assert ended(spec.folder).startswith("2 trials failed, more than ")


def test_a_failure_rate_of_zero_ends_the_search_at_the_first_failed_trial(spec: SearchSpec) -> None:
    only = Space((Choice("schedule", ("one_shot",)), SPACE.dimensions[1]))
    strict = replace(spec, space=only, max_failure_rate=0)
    for _ in range(2):  # a later start decides alike
        with pytest.raises(UsageError, match=r"1 trial failed, more than hydra.sweeper.max_failure_rate=0 of .*=4"):
            run_search(strict, launcher(spec.folder, failing="schedule=one_shot"), batch=1)
        assert OmegaConf.load(spec.folder / SEARCH_RESULTS).trials == {"total": 4, "failed": 1}


def test_a_search_of_fewer_combinations_than_trials_says_that_all_were_tried(
    spec: SearchSpec, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 0.0)
    four = Space((Choice("schedule", ("one_shot", "lottery")), Choice("prune.amount", (0.5, 0.9))))
    with caplog.at_level("INFO"):
        rows = run_search(replace(spec, space=four, total=40), batch=1)
    assert [row["status"] for row in rows].count("completed") == 4
    assert ended(spec.folder) == "all 4 combinations were tried"
    assert caplog.messages[-1] == "mine: ended after 4 trials: all 4 combinations were tried"
    assert next(text.rpartition(", ")[2] for text in caplog.messages if "4 of 40 trials" in text) == (
        "less than 1 s left"
    )


def test_an_executor_that_shows_the_progress_itself_leaves_the_line_at_the_end(
    spec: SearchSpec, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 0.0)
    for shows, lines in ((False, 3), (True, 1)):
        monkeypatch.setattr(Batches, "shows_progress", shows)
        caplog.clear()
        with caplog.at_level("INFO"):
            run_search(replace(spec, folder=spec.folder.with_name(str(shows)), total=2), batch=1)
        assert sum(" of 2 trials, " in text for text in caplog.messages) == lines


def test_an_interrupted_search_logs_how_far_it_is(spec: SearchSpec, caplog: pytest.LogCaptureFixture) -> None:
    def launch(runs: Sequence[TrialRun], first: int) -> None:
        if first == 1:
            raise KeyboardInterrupt
        launcher(spec.folder)(runs, first)

    with caplog.at_level("INFO"), pytest.raises(KeyboardInterrupt):
        run_search(spec, launch, batch=1)
    assert caplog.messages[-1].startswith("mine: 1 of 4 trials, ")


def test_no_trial_is_started_after_the_time_limit(spec: SearchSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(loop, "time", clock)

    def launch(runs: Sequence[TrialRun], first: int) -> None:
        launcher(spec.folder)(runs, first)
        clock.now += 20

    limited = replace(spec, timeout=30)
    assert len(run_search(limited, launch, batch=1)) == 2
    assert ended(spec.folder) == "the time limit of 30 s has passed (hydra.sweeper.timeout)"
    run_search(limited, launch, batch=1)
    assert ended(spec.folder) == "hydra.sweeper.n_trials=4 was reached", "each start has its own time"


def test_a_process_whose_time_has_passed_does_not_wait_for_others(
    spec: SearchSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "time", Clock(step=40))
    ledger = MagicMock(trials=[create_trial(state=TrialState.RUNNING)])
    ledger.claim.return_value = Claim([], others=True)
    run_trials(replace(spec, timeout=30), ledger, Batches(2, lambda runs, first: None))
    ledger.claim.assert_called_once_with(0)
    assert ended(spec.folder) == "the time limit of 30 s has passed (hydra.sweeper.timeout)"


def test_a_search_without_progress_ends_and_stays_ended_until_its_patience_is_raised(spec: SearchSpec) -> None:
    def launch(runs: Sequence[TrialRun], first: int) -> None:
        for run in runs:
            write(spec.folder / run.directory, fake_fields(0.5, 0, *run.overrides))

    patient = replace(spec, total=9, patience=2)
    for _ in range(2):
        rows = run_search(patient, launch, batch=1)
        assert [row["status"] for row in rows].count("completed") == 3
        assert ended(spec.folder).startswith("the hypervolume did not improve in 2 completed trials since trial ")
    assert [row["status"] for row in run_search(replace(patient, patience=4), launch, batch=1)].count("completed") == 5


def test_the_reason_is_written_by_a_process_that_found_the_search_ended(spec: SearchSpec, tmp_path: Path) -> None:
    shared = replace(spec, settings=SearchSettings(storage=f"sqlite:///{tmp_path}/study.db"))
    run_search(shared)
    run_search(replace(shared, folder=tmp_path / "another machine"), lambda runs, first: pytest.fail("nothing is left"))
    assert ended(tmp_path / "another machine") == ended(spec.folder) == "hydra.sweeper.n_trials=4 was reached"


def test_a_launcher_that_raises_fails_the_trials_without_a_result(spec: SearchSpec) -> None:
    def launch(runs: Sequence[TrialRun], first: int) -> None:
        launcher(spec.folder)(runs[:1], first)
        raise RuntimeError("a worker was killed")

    rows = run_search(replace(spec, total=2, max_failure_rate=0.5), launch)
    assert [row["status"] for row in rows] == ["completed", "failed"]


def test_the_password_of_the_database_is_not_written(spec: SearchSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg://me:secret@host/db"
    monkeypatch.setattr(loop, "open_study", MagicMock(side_effect=UsageError("refused")))
    with pytest.raises(UsageError, match="refused"):
        run_search(replace(spec, settings=SearchSettings(storage=url)))
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
    monkeypatch.setattr(loop, "write_tables", lambda spec, trials, watch: written.append(trials))
    run_trials(spec, ledger, Batches(2, lambda runs, first: None))
    assert written == [[mine, running], [mine, ended]]


def test_a_new_search_begins_with_the_warm_start_and_its_continuation_does_not(spec: SearchSpec) -> None:
    first = {"schedule": "one_shot", "prune.amount": 0.7, "finetune.epochs": 2}
    warm = MagicMock()
    warm.values.return_value = first
    rows = run_search(spec, warm=warm)
    assert {key: rows[0][key] for key in first} == {key: str(value) for key, value in first.items()}
    assert [row["status"] for row in rows].count("completed") == 4
    run_search(replace(spec, total=5), warm=warm)
    assert warm.values.call_count == 1
