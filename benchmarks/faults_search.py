"""A search killed with SIGKILL again and again, and started again each time, against the same search left alone.

    python benchmarks/faults_search.py --trials 30 --kills 5

Both must end with exactly the trials asked for, no configuration twice, and the same set of configurations. Prints what
it found; exit code 1 if it is otherwise. Three to five minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
TINY = (
    "model=lenet_300_100", "dataset.validation=3500", "train.epochs=1", "threads=1",
    "prune.amount=range(0.05,0.95,step=0.05)", "finetune.epochs=range(0,2)", "layers=choice(all,fc)",
)  # fmt: skip


def start(folder: Path, name: str, trials: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "run.py"), "-m", "search=tradeoff", *TINY, f"study={name}"]
    command += [f"hydra.sweeper.n_trials={trials}", f"store.dir={folder / name / 'store'}"]
    (folder / name).mkdir(parents=True, exist_ok=True)
    log = (folder / name / "log.txt").open("ab")
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def begun(folder: Path, name: str) -> int:
    return len(list((folder / "multirun" / name).glob("*/.hydra")))


def killed(folder: Path, name: str, trials: int, kills: int, draw: random.Random) -> None:
    """Kill the search `kills` times, each time a random moment after a random further trial has begun."""
    for number in range(kills):
        process = start(folder, name, trials)
        until = begun(folder, name) + draw.randint(1, max(1, (trials - kills) // (kills + 1)))
        while process.poll() is None and begun(folder, name) < until:
            time.sleep(0.005)
        time.sleep(draw.random() * 0.5)
        if process.poll() is not None:
            raise SystemExit(f"the search was over before kill {number + 1}: there were too few trials")
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(f"kill {number + 1}: {begun(folder, name)} directories of trials begun", flush=True)
    if start(folder, name, trials).wait() != 0:
        raise SystemExit((folder / name / "log.txt").read_text()[-2000:])


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "multirun" / name / "trials.csv").read_text().splitlines()))


def configurations(found: list[dict[str, str]]) -> list[tuple[str, ...]]:
    keys = ("prune.amount", "finetune.epochs", "layers")
    return [tuple(row[key] for key in keys) for row in found if row["status"] == "completed"]


def faults(folder: Path, name: str, alone: str, trials: int) -> list[str]:
    """What is wrong with the search `name`, beside the one left `alone`."""
    found = configurations(rows(folder, name))
    completed = [row for row in rows(folder, name) if row["status"] == "completed"]
    missing = [
        row["trial"] for row in completed if not (folder / "multirun" / name / row["trial"] / "result.json").exists()
    ]
    directories = len(list((folder / "multirun" / name).glob("*/.hydra")))
    return [
        message
        for wrong, message in (
            (len(found) != trials, f"{len(found)} trials completed, not {trials}"),
            (len(set(found)) != len(found), "a configuration was evaluated twice"),
            (
                set(found) != set(configurations(rows(folder, alone))),
                "the configurations are others than without kills",
            ),
            (bool(missing), f"trials without a result: {missing}"),
            (directories != trials, f"{directories} directories of runs, not {trials}"),
        )
        if wrong
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which it is killed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        killed(folder, "killed", chosen.trials, chosen.kills, random.Random(chosen.seed))
        if start(folder, "alone", chosen.trials).wait() != 0:
            raise SystemExit((folder / "alone" / "log.txt").read_text()[-2000:])
        for study in ("killed", "alone"):
            statuses = [row["status"] for row in rows(folder, study)]
            print(study, {status: statuses.count(status) for status in dict.fromkeys(statuses)})
        wrong = faults(folder, "killed", "alone", chosen.trials)
    print(
        "\n".join(wrong)
        if wrong
        else f"{chosen.trials} trials, {chosen.kills} kills: none lost, none twice, the same set"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
