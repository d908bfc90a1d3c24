"""Fake sweeps and fake data files: run directories without training, and images without content."""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from prunesweep.data.settings import NamedDataset
from prunesweep.data.sources import SOURCES

LAYERS = {"conv1": 156, "conv2": 2_416, "fc1": 48_120, "fc2": 10_164, "fc3": 850}
TOTAL = sum(LAYERS.values())
DENSE = 0.98

DROP_INS = ["mnist", "fashion_mnist", "kmnist", "qmnist"]


def fake_fields(amount: float, seed: int, *overrides: str, **changes: Any) -> dict[str, Any]:
    """Return the fields of a completed run. Accuracy falls with the amount, and slightly with the seed."""
    pruned = round(amount * TOTAL)
    val = round(DENSE - 0.002 * seed - amount**8 / 2, 4)
    test = round(val - 0.001, 4)
    layers = [
        {"name": name, "kind": "fc", "total": total, "nonzero": round(total * (1 - amount)), "sparsity": amount}
        for name, total in LAYERS.items()
    ]
    epochs = [
        {"epoch": epoch, "phase": phase, "round": round_number, "val_accuracy": accuracy, "seconds": 0.5}
        for epoch, phase, round_number, accuracy in (
            (1, "dense", 0, 0.9),
            (2, "dense", 0, DENSE),
            (3, "finetune", 1, val - 0.01),
            (4, "finetune", 1, val),
        )
    ]
    return {
        "status": "completed",
        "model": "lenet5",
        "dataset": "mnist",
        "seed": seed,
        "schema_version": 1,
        "digest": f"d{amount}{seed}",
        "dense_digest": f"dense{seed}",
        "amount": amount,
        "seconds": 1.5,
        "overrides": [*overrides, f"prune.amount={amount}", f"seed={seed}"],
        "params_total": TOTAL,
        "params_selected": TOTAL,
        "params_pruned": pruned,
        "params_nonzero": TOTAL - pruned,
        "sparsity": amount,
        "param_reduction": amount,
        "compression": TOTAL / max(1, TOTAL - pruned),
        "macs_total": 400_000,
        "macs_nonzero": round(400_000 * (1 - amount)),
        "dense": {"val_accuracy": DENSE, "test_accuracy": DENSE - 0.001},
        "pruned": {"val_accuracy": val - 0.1, "test_accuracy": test - 0.1},
        "final": {"val_accuracy": val, "test_accuracy": test},
        "layers": layers,
        "history": epochs,
        "rounds": [],
        "dead_layers": [],
        "collapsed": None,
        "params_effective": TOTAL - pruned,
        **changes,
    }


def fake_round(number: int, amount: float, seed: int, **changes: Any) -> dict[str, Any]:
    """Return the entry of an earlier round in `rounds`: the measurements of a run without its identity."""
    fields = fake_fields(amount, seed)
    names = (
        *("amount", "params_total", "params_selected", "params_pruned", "params_nonzero", "params_effective"),
        *("sparsity", "param_reduction", "compression", "macs_total", "macs_nonzero"),
        *("pruned", "final", "layers", "dead_layers", "collapsed"),
    )
    return {"round": number, **{name: fields[name] for name in names}, **changes}


def fake_run(folder: Path, fields: dict[str, Any], **config: Any) -> None:
    """Write a run directory. `config` overrides its saved settings, with `__` for a dot, and changes its digest."""
    fields = {**fields, "digest": f"{fields['digest']}{config or ''}"}
    settings: dict[str, Any] = {
        "model": {"name": fields["model"]},
        "dataset": {"name": fields["dataset"], "validation": 5000},
        "layers": {"include": ["*"], "kinds": ["conv", "fc"]},
        "prune": {"criterion": "l1", "amount": fields["amount"]},
        "seed": fields["seed"],
        "store": {"dir": f"/elsewhere/{fields['seed']}"},
    }
    for key, value in config.items():
        group, name = key.split("__")
        settings[group] = {**settings.get(group, {}), name: value}
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(settings))
    (folder / "result.json").write_text(json.dumps(fields))


Sweep = Callable[..., Path]


def grey(name: str, root: Path, **fields: object) -> NamedDataset:
    return NamedDataset(name, str(root), **{"validation": 5_000, **fields})  # type: ignore[arg-type]


def without_checksums(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept files of any content for a data set."""
    files = tuple(replace(file, checksum=None) for file in SOURCES[name].files)
    monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], files=files))


def written(name: str, root: Path) -> Path:
    """Write the files of a data set with black images. The label of image i is i modulo 10."""
    for file in SOURCES[name].files:
        path = root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        write_idx(path, idx_content(path.name))
    return root


def idx_content(name: str) -> bytes:
    """Return the content of a file of MNIST or a drop-in replacement, without compression."""
    count = 10_000 if name.startswith("t10k") else 60_000
    if "images" in name:
        return bytes(16 + count * 784)
    if "idx2" in name:
        labels = np.zeros((count, 8), ">i4")
        labels[:, 0] = np.arange(count) % 10
        return b"\0" * 12 + labels.tobytes()
    return b"\0" * 8 + (np.arange(count) % 10).astype(np.uint8).tobytes()


def write_idx(path: Path, content: bytes) -> None:
    """Write a file of a data set, as an archive if its name says so."""
    path.write_bytes(gzip.compress(content, 1, mtime=0) if path.suffix == ".gz" else content)


Scores = Mapping[str, Mapping[float, Sequence[float]]]


def fake_methods(folder: Path, scores: Scores, **config: Any) -> Path:
    """Write a sweep over criteria, amounts and seeds.

    Args:
        folder: The directory of the sweep.
        scores: Criterion -> amount -> test accuracy with seed 0, 1, ...
        config: Saved settings, as in `fake_run`.
    """
    runs = [
        (criterion, amount, seed, accuracy)
        for criterion, by_amount in scores.items()
        for amount, accuracies in by_amount.items()
        for seed, accuracy in enumerate(accuracies)
    ]
    for number, (criterion, amount, seed, accuracy) in enumerate(runs):
        final = {"val_accuracy": accuracy - 0.01, "test_accuracy": accuracy}
        fields = fake_fields(amount, seed, f"prune={criterion}", digest=f"{folder.name}{number}", final=final)
        fake_run(folder / str(number), fields, **{"prune__criterion": criterion, **config})
    return folder
