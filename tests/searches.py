"""Whole searches without Hydra: a launcher that writes results instead of training. And the record of a grid."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from fakes import fake_fields
from omegaconf import OmegaConf
from optuna.samplers import RandomSampler

from prunesweep.chain.schedules.settings import OneShot
from prunesweep.config import RunConfig
from prunesweep.data.settings import NamedDataset
from prunesweep.experiment.saved import save_config
from prunesweep.models.settings import LeNet300100
from prunesweep.quantization.settings import NoQuantization
from prunesweep.results.objectives import SearchSettings
from prunesweep.results.pareto import pareto
from prunesweep.results.result import write, write_failed
from prunesweep.search.conditions import Condition
from prunesweep.search.definition import definition, shared_settings
from prunesweep.search.dimensions import Choice, stepped
from prunesweep.search.evaluation import TrialRun
from prunesweep.search.executing import Batches, Launch
from prunesweep.search.loop import SearchSpec, search
from prunesweep.search.sampler import sampled
from prunesweep.search.space import Space
from prunesweep.search.sweep_directory import Sweep
from prunesweep.search.warm_start import WarmStart
from prunesweep.store.settings import StoreSettings
from prunesweep.tracking.loggers import NoLogger
from prunesweep.training.phases import FineTune, Train
from prunesweep.training.settings import SGD

SPACE = Space.of(
    (
        Choice("schedule", ("one_shot", "lottery")),
        stepped("prune.amount", Decimal("0.5"), Decimal("0.9"), Decimal("0.1")),
        stepped("finetune.epochs", 1, 3, 1),
    ),
    {"finetune.epochs": Condition("schedule", ("one_shot",))},
)


def short(**changes: Any) -> RunConfig:
    """Return the settings of a run that takes a fraction of a second."""
    settings: dict[str, Any] = {
        "model": LeNet300100(),
        "dataset": NamedDataset(validation=3_500),
        "schedule": OneShot(),
        "quantize": NoQuantization(),
        "optimizer": SGD(),
        "logger": NoLogger(),
        "train": Train(epochs=0),
        "finetune": FineTune(epochs=0),
        "store": StoreSettings(enabled=False),
        "device": "cpu",
        "threads": 1,
    }
    return RunConfig(**{**settings, **changes})


def search_spec(folder: Path, *runs: RunConfig, **changes: Any) -> SearchSpec:
    """Return a search for four trials, whose runs have the settings of `runs`."""
    fields: dict[str, Any] = {
        "name": "mine",
        "folder": folder,
        "space": SPACE,
        "definition": definition(shared_settings(runs or [short()]), changes.get("space", SPACE).texts),
        "settings": SearchSettings(),
        "seed": 0,
        "total": 4,
        "max_failure_rate": 0.25,
        "config": "seed: 0\n",
        "arguments": ("-m", "search=mine"),
    }
    return SearchSpec(**{**fields, **changes})


def settings_of(run: TrialRun) -> dict[str, Any]:
    """Return the settings that `run` saves."""
    return {**dict(text.split("=") for text in run.overrides), "seed": run.seed}


def write_run(folder: Path, run: TrialRun) -> None:
    """Write what `run` leaves in the directory of a sweep."""
    values = dict(text.split("=") for text in run.overrides)
    target = folder / run.directory / ".hydra"
    target.mkdir(parents=True)
    (target / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(settings_of(run))))
    write(target.parent, fake_fields(float(values["prune.amount"]), run.seed, *run.overrides))


def launcher(folder: Path, failing: str = "nothing") -> Launch:
    """Return a launcher that writes the results of runs. Those with the override `failing` fail."""

    def launch(runs: Sequence[TrialRun], first: int) -> None:
        assert runs[0].directory.partition("/")[0] == str(first)
        for run in runs:
            if failing in run.overrides:
                write_failed(folder / run.directory, run.overrides, ValueError("no"))
            else:
                write_run(folder, run)

    return launch


def run_search(
    spec: SearchSpec, launch: Launch | None = None, batch: int = 2, warm: WarmStart | None = None
) -> list[dict[str, str]]:
    """Run a random search with `batch` runs at a time. Return the rows of `trials.csv`."""
    executor = Batches(batch, launch or launcher(spec.folder))
    search(spec, sampled(RandomSampler, spec.space, 0), executor, settings_of, warm)
    return list(csv.DictReader((spec.folder / "trials.csv").read_text().splitlines()))


GRID = Sweep(
    {"sweep": {"sweeper": "grid"}, "space": {"prune.amount": "0.5,0.9"}, "settings": {"seed": "0"}},
    {"threads": "1"},
    ("-m", "prune.amount=0.5,0.9"),
)


def with_definition(**parts: dict[str, str]) -> Sweep:
    """Return a grid with other settings."""
    return replace(GRID, definition={**GRID.definition, **parts})


def content(folder: Path) -> dict[str, bytes]:
    """Return the content of all files in `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def save_search(folder: Path, trials: Mapping[int, Sequence[tuple[float, float]]], images: int = 500) -> Path:
    """Write the directory of a finished search.

    Args:
        folder: The directory.
        trials: The validation accuracy and the parameter reduction of each seed, by the number of the trial.
        images: The number of validation images.
    """
    for number, seeds in trials.items():
        for seed, (accuracy, reduction) in enumerate(seeds):
            run = folder / str(number) / (f"seed={seed}" if len(seeds) > 1 else "")
            save_config(run, short(seed=seed, dataset=NamedDataset(validation=images)))
            scores = {"val_accuracy": accuracy, "test_accuracy": accuracy}
            write(run, fake_fields(0.5, seed, final=scores, param_reduction=reduction))
    means = [np.mean(seeds, axis=0) for seeds in trials.values()]
    best = [number for number, kept in zip(trials, pareto(means, (True, True)), strict=True) if kept]
    return list_trials(folder, best, trials)


def list_trials(folder: Path, pareto: Iterable[int], completed: Iterable[int]) -> Path:
    """Write the files of a search that list its trials: those of the Pareto set, and all that are completed."""
    objectives = {"final.val_accuracy": "maximize", "param_reduction": "maximize"}
    members = [{"trial": number, "directory": str(number)} for number in pareto]
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save({"objectives": objectives, "pareto": members}, folder / "optimization_results.yaml")
    lines = ["trial,status,directory", *(f"{number},completed,{number}" for number in completed)]
    (folder / "trials.csv").write_text("\n".join([*lines, "98,duplicate,", "99,failed,99", ""]))
    return folder
