"""How near 40 trials come to the exhaustive grid, by each sampler, and at what part of its training.

    PRUNESWEEP_DATA=… python benchmarks/search.py --work /tmp/search-benchmark

Runs the grid over the space of search=tradeoff once (its states are shared, so that this costs one epoch for each
amount, layer group and epoch of fine-tuning), then lets every sampler search the same space, its trials answered from
the grid's results. An epoch of training counts once for all trials of a search that need it, as the store has it.
Prints a table in Markdown. On full MNIST about a quarter of an hour on two cores; started again with the same --work it
goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import moocore
import numpy as np
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from prunesweep.search.ledger import Ledger, open_study
from prunesweep.search.owner import Owner
from prunesweep.search.sampler import proposer
from prunesweep.search.storage import address
from prunesweep.search.evaluation import Outcome
from prunesweep.search.definition import asked
from prunesweep.search.space import Space
from prunesweep import config as configuration
from prunesweep.chain.environment import digests, environment
from prunesweep.config import RunConfig
from prunesweep.experiment.run import step_factory, run
from prunesweep.experiment.device import use_device
from prunesweep.results.objectives import objective
from prunesweep.chain.context import Context
from prunesweep.chain.steps import TrainEpoch
from prunesweep.files import write_atomically

ROOT = Path(__file__).parent.parent
EPOCHS = "finetune.epochs=range(0,2)"
SAMPLERS = ("tpe", "gp", "nsgaii", "random")
GOALS = [objective("val_accuracy"), objective("param_reduction")]
REFERENCES = {"from nothing": (0.0, 0.0), "from 95 % accuracy": (0.95, 0.0)}

MeasuredPoint = dict[str, Any]  # accuracy, reduction, epochs: the digests of the epochs of training that it needs


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf")):
        return compose("config", list(overrides), return_hydra_config=True)


def space_of(fixed: list[str]) -> Space:
    with initialize_config_dir(str(ROOT / "conf")):
        config = compose("config", ["search=tradeoff", *fixed], return_hydra_config=True)
        return asked(config.hydra.sweeper.params, [EPOCHS], config, GlobalHydra.instance().config_loader()).space


def evaluated(config: RunConfig, folder: Path) -> MeasuredPoint:
    result = run(config, folder)
    context = Context(config.model, config.dataset, use_device(config.device, config.threads))
    chain = config.schedule.plan(step_factory(config, context)).chain
    each = zip(digests(environment(context.device, config.threads), chain), chain, strict=True)
    return {
        "accuracy": result.final["val_accuracy"],
        "reduction": result.param_reduction,
        "epochs": [digest[:16] for digest, step in each if isinstance(step, TrainEpoch)],
    }


def grid(space: Space, fixed: list[str], work: Path) -> dict[str, MeasuredPoint]:
    """Every combination of `space`, longest fine-tuning first, so that the shorter ones are there already."""
    path = work / "grid.json"
    points: dict[str, MeasuredPoint] = json.loads(path.read_text()) if path.exists() else {}
    order = sorted(itertools.product(*(dimension.values or () for dimension in space.dimensions)), key=lambda v: -v[1])
    with tempfile.TemporaryDirectory() as folder:
        for number, values in enumerate(order):
            if key(values) not in points:
                overrides = space.overrides(dict(zip(space.keys, values, strict=True)))
                points[key(values)] = evaluated(configuration.build(composed(*fixed, *overrides)), Path(folder))
            if number % 20 == 0 or number == len(order) - 1:
                write_atomically(path, json.dumps(points).encode())
                print(f"{number + 1} of {len(order)}", flush=True)
    return points


def key(values: Any) -> str:
    return json.dumps(list(values))


def search(sampler: str, seed: int, trials: int, space: Space, points: dict[str, MeasuredPoint]) -> list[MeasuredPoint]:
    """The points that a search by `sampler` evaluates, through the ledger that real searches use."""
    settings = composed("search=tradeoff", f"hydra/sweeper/sampler={sampler}").hydra.sweeper.sampler
    with tempfile.TemporaryDirectory() as name:
        url = address(None, Path(name))
        study = open_study(url, "benchmark", GOALS, {}, 60)
        with Owner(Path(name) / "running", study._storage) as owner:  # type: ignore[arg-type]
            propose = lambda number: proposer(settings, space, number, seed)  # noqa: E731
            book = Ledger(study, url, space, trials, propose, lambda _: Outcome({}, {}, "lost"), owner)
            found = []
            while taken := book.claim(1).trials:
                point = points[key(space.combination(taken[0].params))]
                book.settle(taken[0].number, Outcome({0: [point["accuracy"], point["reduction"]]}, {}))
                found.append(point)
    return found


def hypervolume(points: list[MeasuredPoint], reference: tuple[float, float]) -> float:
    values = np.array([[point["accuracy"], point["reduction"]] for point in points])
    return float(moocore.hypervolume(values, ref=list(reference), maximise=True))


def epochs(points: list[MeasuredPoint]) -> int:
    return len({digest for point in points for digest in point["epochs"]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="keeps the grid's states and results")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    configuration.register()
    fixed = [f"dataset={chosen.dataset}", f"threads={chosen.threads}", f"store.dir={chosen.work / 'store'}"]
    space = space_of(fixed)
    points = grid(space, fixed, chosen.work)
    whole = list(points.values())
    print(f"\nThe grid: {len(whole)} combinations, {epochs(whole)} epochs of training. {chosen.trials} trials each:\n")
    print(
        "| sampler | epochs | of the grid's | "
        + " | ".join(f"hypervolume {name}, % of the grid's" for name in REFERENCES)
        + " |"
    )
    print("|---" * (3 + len(REFERENCES)) + "|")
    for sampler in SAMPLERS:
        runs = [search(sampler, seed, chosen.trials, space, points) for seed in range(chosen.seeds)]
        spent = [epochs(found) for found in runs]
        scores = [
            [100 * hypervolume(found, reference) / hypervolume(whole, reference) for found in runs]
            for reference in REFERENCES.values()
        ]
        cells = " | ".join(f"{statistics.mean(each):.2f} ± {statistics.stdev(each):.2f}" for each in scores)
        part = statistics.mean(spent) / epochs(whole)
        print(f"| {sampler} | {statistics.mean(spent):.0f} | {part:.1%} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
