"""Kill a search with SIGKILL repeatedly, continue it each time, and compare it with an undisturbed search.

    python benchmarks/faults_search.py --trials 30 --kills 5

Both searches must complete the requested number of trials, no configuration twice, and the same set of configurations.
Prints a verdict. The exit code is 1 if a fault was found. Takes three to five minutes on two cores.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from faults import finish, kill, read_table, start

KEYS = ("prune.amount", "finetune.epochs", "layers")
SEARCH = (
    *("-m", "search=tradeoff", "study=search", "model=lenet_300_100", "dataset.validation=3500", "train.epochs=1"),
    *("threads=1", "store.dir=store"),
    *("prune.amount=range(0.05,0.95,step=0.05)", "finetune.epochs=range(0,2)", "layers=choice(all,fc)"),
)


def directory(folder: Path) -> Path:
    """Return the directory of the search that ran in `folder`."""
    return folder / "multirun" / "search"


def trials_started(folder: Path) -> int:
    return len(list(directory(folder).glob("*/.hydra")))


def killed(folder: Path, arguments: tuple[str, ...], trials: int, kills: int, draw: random.Random) -> None:
    """Kill the search `kills` times, each time at a random moment after a random number of further trials, and finish.

    Raises:
        SystemExit: The search ended before it could be killed.
    """
    for number in range(kills):
        goal = trials_started(folder) + draw.randint(1, max(1, (trials - kills) // (kills + 1)))
        wait = 0.5 * draw.random()
        if not kill(start(folder, arguments), lambda: trials_started(folder), goal, wait):
            raise SystemExit(f"the search ended before kill {number + 1}: increase --trials")
        print(f"kill {number + 1}: {trials_started(folder)} trials started", flush=True)
    finish(folder, start(folder, arguments))


def completed(folder: Path) -> list[dict[str, str]]:
    """Return the completed trials of the search in `folder`. Print how its trials ended."""
    rows = read_table(directory(folder) / "trials.csv")
    print(folder.name, dict(Counter(row["status"] for row in rows)))
    return [row for row in rows if row["status"] == "completed"]


def configurations(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    return [tuple(row[key] for key in KEYS) for row in rows]


def faults(disturbed: Path, undisturbed: Path, trials: int) -> list[str]:
    """Return one line for each fault of the search in `disturbed`."""
    rows = completed(disturbed)
    tried, expected = configurations(rows), configurations(completed(undisturbed))
    missing = [row["trial"] for row in rows if not (directory(disturbed) / row["trial"] / "result.json").exists()]
    checks = {
        f"{len(tried)} trials completed, not {trials}": len(tried) == trials,
        "a configuration was evaluated twice": len(set(tried)) == len(tried),
        "the configurations differ from those of the undisturbed search": set(tried) == set(expected),
        f"trials without a result: {missing}": not missing,
        f"{trials_started(disturbed)} directories of runs, not {trials}": trials_started(disturbed) == trials,
    }
    return [message for message, passed in checks.items() if not passed]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of the kills")
    options = parser.parse_args()
    arguments = (*SEARCH, f"hydra.sweeper.n_trials={options.trials}")
    with tempfile.TemporaryDirectory() as name:
        disturbed, undisturbed = Path(name) / "disturbed", Path(name) / "undisturbed"
        killed(disturbed, arguments, options.trials, options.kills, random.Random(options.seed))
        finish(undisturbed, start(undisturbed, arguments))
        messages = faults(disturbed, undisturbed, options.trials)
    print("\n".join(messages) or f"{options.trials} trials, {options.kills} kills: none lost, none twice, the same set")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
