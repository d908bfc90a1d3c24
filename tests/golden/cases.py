"""Tiny runs whose numbers are recorded in this folder, one JSON file each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir

from prunesweep import config
from prunesweep.chain.environment import environment
from prunesweep.experiment.run import run

FOLDER = Path(__file__).parent
CONF = FOLDER.parent.parent / "conf"
COMMON = "device=cpu threads=1 store.enabled=false"
TINY = "model=lenet_300_100 train.epochs=1 finetune.epochs=1"
UNTRAINED = "model=lenet_300_100 train.epochs=0 finetune.epochs=0 prune.amount=0.9"

CASES = {
    "one_shot": f"{TINY} prune.amount=0.8",
    "lenet5": "train.epochs=1 finetune.epochs=1 prune.amount=0.9",
    "article": "experiment=article train.epochs=0 finetune.epochs=0",
    "caffe": "model=lenet5_caffe train.epochs=0 finetune.epochs=0 prune.compression=20",
    "iterative": f"{TINY} schedule=iterative schedule.rounds=2 prune.amount=0.9",
    "rewind_lr": f"{TINY} train.epochs=2 schedule=iterative schedule.rounds=2 schedule.rewind_lr=1 prune.amount=0.9",
    "gradual": f"{TINY} schedule=gradual schedule.epochs=2 schedule.every=10 prune.amount=0.9",
    "regrow": f"{TINY} schedule=gradual schedule.epochs=2 schedule.every=10 schedule.regrow=true prune.amount=0.9",
    "rigl": f"{TINY} schedule=rigl schedule.epochs=2 schedule.every=10 prune.scope=erk prune.amount=0.9",
    "set": f"{TINY} schedule=set schedule.epochs=2 schedule.every=10 schedule.rise=0.5 prune.amount=0.9",
    "surgery": f"{TINY} schedule=surgery schedule.epochs=2 schedule.every=10 prune.amount=0.9",
    "penalty": f"{TINY} schedule=penalty schedule.epochs=2 prune.penalty=group prune.amount=0.9",
    "hard_concrete": f"{TINY} schedule=penalty schedule.epochs=2 prune.penalty=hard_concrete prune.amount=0.9",
    "gsm": f"{TINY} schedule=gsm schedule.epochs=2 prune.amount=0.9",
    "lottery": f"{TINY} train.epochs=2 schedule=lottery schedule.rounds=2 prune.amount=0.9",
    "reinit": f"{TINY} train.epochs=2 schedule=lottery schedule.rounds=2 schedule.control=reinit prune.amount=0.9",
    "channel": f"{TINY} prune.structure=channel prune.amount=0.5",
    "compact": f"{TINY} layers.biases=true prune.amount=0.98 prune.compact=true",
    "codebook": f"{TINY} prune.amount=0.8 quantize=codebook quantize.epochs=1",
    "int8": f"{TINY} prune.amount=0.8 quantize=int8",
    "l1": UNTRAINED,
    "lamp": f"{UNTRAINED} prune=lamp",
    "random": f"{UNTRAINED} prune=random",
    "erk": f"{UNTRAINED} prune.scope=erk",
    "n_of_m": "model=lenet_300_100 train.epochs=0 finetune.epochs=0 prune.structure=n_of_m",
    "snip": f"{UNTRAINED} prune=snip",
    "grasp": f"{UNTRAINED} prune=grasp",
    "synflow": f"{UNTRAINED} prune=synflow prune.iterations=10",
}
"""Name -> overrides."""

EXACT_EVERYWHERE = ("article", "caffe", "l1", "lamp", "random", "erk", "n_of_m")
"""Cases whose masks depend on initial weights and random numbers only. These are the same on every processor."""

COUNTS = ("params_total", "params_selected", "params_pruned", "params_nonzero", "macs_total", "sparsity", "amount")


def machine() -> str:
    """Return the part of the environment on which rounding depends."""
    here = environment("cpu", 1)
    return f"{here['device']}, torch {torch.__version__}"


def numbers(name: str, folder: Path) -> dict[str, Any]:
    """Run the case `name` in `folder` and return the numbers to be recorded."""
    with initialize_config_dir(str(CONF)):
        composed = compose("config", [*CASES[name].split(), *COMMON.split()])
    result = run(config.build(composed), folder)
    masks = json.loads((folder / "provenance.json").read_text())["masks"]
    return {
        "overrides": CASES[name],
        "counts": {field: getattr(result, field) for field in COUNTS},
        "masks": {"every machine" if name in EXACT_EVERYWHERE else machine(): masks},
        "history": [
            [entry["phase"], entry["round"], entry["train_loss"], entry["val_accuracy"]] for entry in result.history
        ],
        "rounds": [[point["amount"], point["params_nonzero"]] for point in result.rounds],
        "scores": {point: getattr(result, point) for point in ("dense", "pruned", "final")},
    }
