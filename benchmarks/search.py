"""Compare searches with the exhaustive grid: hypervolume, and epochs of training.

    PRUNESWEEP_DATA=… python benchmarks/search.py --work /tmp/search-benchmark

Evaluates the grid over the space of search=tradeoff once. Its runs share their steps, so that this takes one epoch for
each amount, layer group and epoch of fine-tuning. Then each search runs on the grid: its trials take their values from
there. An epoch that several trials of a search need is counted once, as the store keeps it, and so are the epochs of
the dense network. With several workers, a trial is proposed while the others are running; a trial takes as long as it
has new epochs. Prints a table as Markdown. Takes about half an hour with full MNIST on two cores. The same --work
continues an interrupted benchmark.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import moocore
import numpy as np
from commands import ROOT, compose_config
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from sweeps import spread

from hydra_plugins.prunesweep_plugins.composing import JobComposer
from hydra_plugins.prunesweep_plugins.proposing import halved, proposals
from hydra_plugins.prunesweep_plugins.ranges import parse
from prunesweep import config
from prunesweep.experiment.run import run
from prunesweep.files import write_atomically
from prunesweep.results.objectives import objective
from prunesweep.results.run_directory import read_run
from prunesweep.search.dimensions import Choice
from prunesweep.search.evaluation import Outcome
from prunesweep.search.halving import ladder
from prunesweep.search.ledger import Ledger, open_study
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import Propose
from prunesweep.search.space import Space, Values
from prunesweep.search.storage import address

EPOCHS = "finetune.epochs=range(0,2)"
EVALUATION = 0.1  # the time of a trial without new epochs, in epochs
GOALS = [objective("val_accuracy"), objective("param_reduction")]
WORST = {f"worst {goal.field}": 0.0 for goal in GOALS}
REFERENCES = {"(0, 0)": (0.0, 0.0), "95 % accuracy": (0.95, 0.0)}


@dataclass(frozen=True)
class Method:
    """A search: the option of the group `search`, its sampler, and the number of trials that run at the same time."""

    search: str
    sampler: str
    workers: int = 1

    @property
    def settings(self) -> DictConfig:
        """The settings of the sweeper."""
        composed = compose_config(f"search={self.search}", f"hydra/sweeper/sampler={self.sampler}")
        return composed.hydra.sweeper  # type: ignore[no-any-return]


METHODS = (
    *(Method("tradeoff", sampler) for sampler in ("tpe", "gp", "nsgaii", "random")),
    *(Method("halving", sampler) for sampler in ("tpe", "random")),
    *(Method(search, "tpe", workers) for workers in (4, 16) for search in ("tradeoff", "halving")),
)


@dataclass(frozen=True)
class Point:
    """The measured values of one combination, and the digests of the training epochs that it needs."""

    accuracy: float
    reduction: float
    epochs: list[str]


def search_space(arguments: Sequence[str]) -> tuple[Space, list[str]]:
    """Return the space of search=tradeoff under `arguments`, and the overrides that all runs share."""
    search = compose_config("search=tradeoff")
    sweeper = search.hydra.sweeper
    with initialize_config_dir(str(ROOT / "conf")):
        composer = JobComposer(GlobalHydra.instance().config_loader())
        return parse(sweeper.params, sweeper.conditions or {}, [EPOCHS, *arguments], search, composer)


def evaluate(overrides: Sequence[str]) -> Point:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = run(config.build(compose_config(*overrides)), folder)
        provenance = read_run(folder).provenance
    assert provenance is not None
    digests = [provenance["steps"][epoch["step"]]["digest"][:16] for epoch in result.history]
    return Point(result.final["val_accuracy"], result.param_reduction, digests)


def grid(space: Space, fixed: Sequence[str], path: Path) -> dict[str, Point]:
    """Evaluate every combination of `space` that is not in the file `path` yet. Return the points by `key_of`."""
    saved = json.loads(path.read_text()) if path.exists() else {}
    points = {key: Point(**fields) for key, fields in saved.items()}
    assert space.size is not None
    combinations = [space.at(index) for index in range(space.size)]
    combinations.sort(key=lambda values: -int(str(values["finetune.epochs"])))  # shorter runs are parts of longer ones
    for number, values in enumerate(combinations, 1):
        key = key_of(space, values)
        if key not in points:
            points[key] = evaluate([*fixed, *space.overrides(values)])
        if number % 20 == 0 or number == len(combinations):
            write_atomically(path, json.dumps({key: asdict(point) for key, point in points.items()}).encode())
            print(f"{number} of {len(combinations)}", flush=True)
    return points


def key_of(space: Space, values: Values) -> str:
    return json.dumps(space.combination(values))


def proposer(method: Method, space: Space, rungs: Sequence[int], seed: int) -> Propose:
    """Return the proposals of a search in `space`. With halving, the epochs of fine-tuning are `rungs`."""
    settings = method.settings
    if settings.halving is None:
        return proposals(settings.sampler, space, seed)
    key = settings.halving.key
    chosen = tuple(Choice(key, tuple(rungs)) if each.key == key else each for each in space.dimensions)
    return halved(settings.sampler, ladder(Space(chosen), key, settings.halving.factor), seed, GOALS)


def search(propose: Propose, workers: int, trials: int, space: Space, points: dict[str, Point]) -> list[Point]:
    """Return the points that a search evaluates. It uses the ledger of real searches."""
    visited: list[Point] = []
    running: list[tuple[float, int, Point]] = []
    now = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = address(None, folder)
        study = open_study(url, "benchmark", GOALS, {}, heartbeat=60)
        with Owner(folder / "running", study._storage) as owner:  # type: ignore[arg-type]
            ledger = Ledger(study, url, space, trials, propose, lambda _: Outcome({}, {}, "lost"), owner)
            while True:
                for trial in ledger.claim(workers - len(running)).trials:
                    point = points[key_of(space, trial.params)]
                    new = {*point.epochs}.difference(*(other.epochs for other in visited))
                    visited.append(point)
                    heapq.heappush(running, (now + EVALUATION + len(new), trial.number, point))
                if not running:
                    return visited
                now, number, point = heapq.heappop(running)
                ledger.record(number, Outcome({0: [point.accuracy, point.reduction]}, WORST))


def hypervolume(points: Sequence[Point], reference: tuple[float, float]) -> float:
    values = np.array([[point.accuracy, point.reduction] for point in points])
    return float(moocore.hypervolume(values, ref=list(reference), maximise=True))


def share(points: Sequence[Point], whole: Sequence[Point], reference: tuple[float, float]) -> float:
    """Return the hypervolume of `points` in percent of that of `whole`; NaN if no point exceeds `reference`."""
    total = hypervolume(whole, reference)
    return 100 * hypervolume(points, reference) / total if total else math.nan


def epoch_count(points: Sequence[Point]) -> int:
    return len({digest for point in points for digest in point.epochs})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of the grid's store and results")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trials", type=int, default=40, help="trials of a search without halving")
    parser.add_argument("--halving", type=int, default=44, help="trials of a search with halving")
    parser.add_argument("--rungs", type=int, nargs="+", default=[0, 1, 2], help="epochs of fine-tuning with halving")
    parser.add_argument("--samplers", nargs="+", default=["tpe", "gp", "nsgaii", "random"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("overrides", nargs="*", help="settings of all runs, or other ranges of the searched keys")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    config.register()
    settings = (f"dataset={options.dataset}", f"threads={options.threads}", f"store.dir={options.work / 'store'}")
    space, fixed = search_space([*settings, *options.overrides])
    points = grid(space, fixed, options.work / "grid.json")
    whole = list(points.values())
    print(f"\nThe grid: {len(whole)} combinations, {epoch_count(whole)} epochs.\n")
    columns = [f"hypervolume from {name}, % of the grid's" for name in REFERENCES]
    print(f"| search | sampler | workers | trials | epochs | {' | '.join(columns)} |")
    print("|---" * (5 + len(columns)) + "|")
    for method in (each for each in METHODS if each.sampler in options.samplers):
        trials = options.halving if method.search == "halving" else options.trials
        searches = [
            search(proposer(method, space, options.rungs, seed), method.workers, trials, space, points)
            for seed in range(options.seeds)
        ]
        epochs = spread([float(epoch_count(each)) for each in searches], 1)
        shares = [spread([share(each, whole, reference) for each in searches]) for reference in REFERENCES.values()]
        cells = (method.search, method.sampler, str(method.workers), str(trials), epochs, *shares)
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
