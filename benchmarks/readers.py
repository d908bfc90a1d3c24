"""The readers of files that `fuzz.py` exercises, and valid files from a small search for each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random

import mutations
import numpy as np
import optuna
import torch
from mutations import Mutation, mutate_bytes, one_of
from omegaconf import OmegaConf
from optuna.samplers import RandomSampler
from PIL import Image
from torch import nn

from prunesweep.data import array_files, datasets
from prunesweep.data import folder as folder_reader
from prunesweep.data.settings import ArraysDataset, FolderDataset, NamedDataset
from prunesweep.data.sources import SOURCES, DataFile, Source
from prunesweep.experiment.reproduce import compare
from prunesweep.experiment.saved import completed_run, load_config, load_weights
from prunesweep.export import formats
from prunesweep.export.description import checksum
from prunesweep.export.evaluate import evaluate
from prunesweep.export.formats import FORMATS
from prunesweep.export.recorded import check_origin
from prunesweep.export.write import export
from prunesweep.files import canonical, sha256
from prunesweep.models.build import build as build_network
from prunesweep.models.settings import LeNet300100
from prunesweep.models.tensors import load_tensors
from prunesweep.models.weights import read_weights
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.settings import swept
from prunesweep.report.compute.values import compute
from prunesweep.report.console import store as store_output
from prunesweep.report.console.terminal import conclude
from prunesweep.report.render.tables import frontier_table
from prunesweep.results.run_directory import read_run
from prunesweep.results.tables import failed_table, table
from prunesweep.search.candidates import candidates
from prunesweep.search.dimensions import Choice, stepped
from prunesweep.search.executing import Batches
from prunesweep.search.ledger import DEFINITION
from prunesweep.search.loop import SearchSpec, search
from prunesweep.search.sampler import sampled
from prunesweep.search.space import Space
from prunesweep.store.costs import Spent, add_costs, read_costs
from prunesweep.store.eviction import shrink
from prunesweep.store.store import Store, verify

ROOT = Path(__file__).resolve().parent.parent
RUN = "sweep/0"
TRIALS = 3
SEARCH = (
    *("-m", "search=tradeoff", "study=fuzz", "model=lenet5", "dataset.validation=3500", "train.epochs=1", "threads=1"),
    *("prune.amount=range(0.1,0.9,step=0.1)", "finetune.epochs=choice(0,1)", f"hydra.sweeper.n_trials={TRIALS}"),
    *("store.dir=store", "hydra.sweep.dir=sweep", "device=cpu"),
)
SMALL_IDX = Source(
    (
        DataFile("idx/train-images-idx3-ubyte", 16 + 200 * 784),
        DataFile("idx/train-labels-idx1-ubyte", 8 + 200),
        DataFile("idx/t10k-images-idx3-ubyte", 16 + 50 * 784),
        DataFile("idx/t10k-labels-idx1-ubyte", 8 + 50),
    ),
    torchvision="KMNIST",
    test=50,
    max_validation=100,
)
"""A data set in the format of MNIST whose files have sizes, but no checksums."""


NETWORK = partial(build_network, LeNet300100(), (1, 12, 12), 2)
"""Builds the network of the checkpoint."""


@dataclass(frozen=True)
class Reader:
    """A function that reads files of unknown origin.

    Attributes:
        file: The path of the file that is changed.
        folder: The folder that is copied for each case. It contains `file`.
        read: Reads the files in a copy of the samples, and returns False if it refused them without an exception.
        mutate: Changes the content of `file`.
    """

    file: str
    folder: str
    read: Callable[[Path], bool]
    mutate: Mutation


def build(samples: Path) -> None:
    """Write valid files into `samples`: a search with its study, a store, an export in each format, a data set."""
    samples.mkdir(parents=True)
    done = subprocess.run([sys.executable, ROOT / "run.py", *SEARCH], cwd=samples, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the sample search failed:\n{done.stdout}{done.stderr}")
    run = completed_run(samples / RUN)
    for name, form in FORMATS.items():
        export(run, load_config(run)[0], name, samples / name / f"model{form.suffix}")
    draw = np.random.default_rng(0)
    for file in SMALL_IDX.files:
        path = samples / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(draw.integers(10, size=file.size, dtype=np.uint8).tobytes())
    own = samples / "own"
    own.mkdir()
    torch.save({"epoch": 1, "state_dict": NETWORK().state_dict()}, own / "checkpoint.pt")
    images, labels = draw.integers(256, size=(20, 12, 12), dtype=np.uint8), np.arange(20) % 2
    np.savez(own / "arrays.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    for split in ("train", "test"):
        for index, image in enumerate(images):
            path = own / "images" / split / "ab"[index % 2] / f"{index:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)


def readers(samples: Path) -> Mapping[str, Reader]:
    """Return the readers by name, for valid files from `build`."""
    SOURCES["kmnist"] = SMALL_IDX
    as_json = one_of(mutations.mutate_json, mutations.mutate_json, mutate_bytes)
    as_yaml = one_of(mutations.mutate_yaml, mutations.mutate_yaml, mutate_bytes)
    tensors = one_of(mutations.mutate_safetensors, mutate_bytes)
    record = next(
        path for path in sorted(samples.glob("store/??/*.json")) if path.with_suffix(".safetensors").exists()
    ).relative_to(samples)
    found = {
        "result": Reader(f"{RUN}/result.json", "sweep", _read_sweep, as_json),
        "config": Reader(f"{RUN}/.hydra/config.yaml", "sweep", _read_sweep, as_yaml),
        "report": Reader(f"{RUN}/result.json", "sweep", _draw_sweep, as_json),
        "report-config": Reader(f"{RUN}/.hydra/config.yaml", "sweep", _draw_sweep, as_yaml),
        "provenance": Reader(f"{RUN}/provenance.json", "sweep", _read_provenance, as_json),
        "weights": Reader(f"{RUN}/model.safetensors", "sweep", _read_provenance, tensors),
        "saved": Reader(f"{RUN}/.hydra/config.yaml", RUN, _read_saved, as_yaml),
        "candidates": Reader("sweep/optimization_results.yaml", "sweep", _read_candidates, as_yaml),
        "trials": Reader("sweep/trials.csv", "sweep", _read_candidates, mutate_bytes),
        "study": Reader("sweep/study.db", "sweep", _study(samples), one_of(mutations.mutate_database, mutate_bytes)),
        "sweep": Reader("sweep/.sweep.json", "sweep", _study(samples), as_json),
        "record": Reader(f"{record}", "store", _entry(record), one_of(_signed_record, as_json)),
        "tensors": Reader(f"{record.with_suffix('.safetensors')}", "store", _entry(record), tensors),
        "tally": Reader("store/tally.json", "store", _entry(record), as_json),
        "costs": Reader("store/costs.json", "store", _read_costs, as_json),
        "idx": Reader("idx/train-labels-idx1-ubyte", "idx", _read_idx, _same_size),
        "checkpoint": Reader("own/checkpoint.pt", "own", _read_checkpoint, one_of(mutations.mutate_zip, mutate_bytes)),
        "arrays": Reader("own/arrays.npz", "own", _read_arrays, one_of(mutations.mutate_zip, mutate_bytes)),
        "image": Reader("own/images/train/a/00.png", "own", _read_images, mutate_bytes),
    }
    syntax: dict[str, Mutation] = {"torch": mutations.mutate_zip, "onnx": mutations.mutate_onnx, "c": mutate_bytes}
    model = formats.load(formats.read(samples / "safetensors" / "model.safetensors"), trust=False)
    assert isinstance(model, nn.Module)
    for name, form in FORMATS.items():
        path = f"{name}/model{form.suffix}"
        own = syntax.get(name, mutations.mutate_safetensors)
        signed = _signed_export(samples / path, model, own)
        found[name] = Reader(path, name, _export(samples, path), one_of(signed, signed, own, mutate_bytes))
    return found


def _read_sweep(folder: Path) -> bool:
    runs = gather([folder / "sweep"])
    values = compute(runs)
    table(runs.completed, swept(runs.completed))
    failed_table(runs.failed)
    frontier_table(values)
    changed, *others = runs.all
    assert len(others) == TRIALS - 1, "a run is missing"
    assert all(run.completed for run in others), "another run of the sweep is not reported"
    return changed.completed


def _draw_sweep(folder: Path) -> bool:
    conclude([folder / "sweep"], folder / "report")
    assert (folder / "report" / "report.html").stat().st_size > 1_000
    return read_run(folder / RUN).completed


def _read_provenance(folder: Path) -> bool:
    run, other = read_run(folder / RUN), read_run(folder / "sweep" / "1")
    for first, second in ((run, other), (other, run)):
        if second.provenance is not None:
            "\n".join(compare(first, second).lines(0.1))
    check_origin(run, load_weights(run))
    return run.provenance is not None


def _read_saved(folder: Path) -> bool:
    load_config(completed_run(folder / RUN))
    return True


def _read_candidates(folder: Path) -> bool:
    return bool(candidates(folder / "sweep").chosen)


def _study(samples: Path) -> Callable[[Path], bool]:
    """Return a function that continues the sample search, whose launcher does not start runs."""
    config, _ = load_config(completed_run(samples / RUN))
    study = optuna.load_study(study_name="fuzz", storage=f"sqlite:///{samples}/sweep/study.db")
    definition = study.user_attrs[DEFINITION]
    amounts = stepped("prune.amount", Decimal("0.1"), Decimal("0.9"), Decimal("0.1"))
    space = Space.of((amounts, Choice("finetune.epochs", (0, 1)), Choice("layers", ("all", "conv", "fc"))), {})

    def read(folder: Path) -> bool:
        spec = SearchSpec(
            *("fuzz", folder / "sweep", space, definition, config.search, 0, TRIALS, 1.0),
            OmegaConf.to_yaml({"seed": 0}),
        )
        search(spec, sampled(RandomSampler, space, 0), Batches(1, lambda *_: None), lambda _: {})
        return True

    return read


def _entry(record: Path) -> Callable[[Path], bool]:
    """Return a function that reads the store as runs and as `prunesweep store` do."""

    def read(folder: Path) -> bool:
        store = Store(folder / "store")
        entry = store.load(record.stem)
        store_output.show(folder / "store")
        shrink(folder / "store", 10**9)
        verify(folder / "store")
        return entry is not None

    return read


def _signed_record(content: bytes, draw: Random) -> bytes:
    """Change a record and compute its checksum again."""
    fields = json.loads(mutations.mutate_json(content, draw))
    fields.pop("checksum")
    return json.dumps({**fields, "checksum": sha256(canonical(fields))}).encode()


def _export(samples: Path, path: str) -> Callable[[Path], bool]:
    """Return a function that reads the export at `path` as `prunesweep evaluate` does."""
    original = formats.read(samples / path).description
    correct = round(original.test_accuracy * len(datasets.load(original.data_set(), "cpu").test))

    def read(folder: Path) -> bool:
        file = formats.read(folder / path)
        with suppress(Exception):  # a container may raise any exception
            FORMATS[file.description.format].container.content_hash(file.content)
        if file.description.data_set() == original.data_set():  # otherwise the data would be read again
            measured, _ = evaluate(folder / path, None, None, "test", trust=False)
            assert file.description != original or measured.correct == correct, "it is another network"
        else:
            formats.load(file, trust=False)
        return True

    return read


def _signed_export(path: Path, model: nn.Module, mutate: Mutation) -> Mutation:
    """Return a mutation of the description or the content of an export that computes its checksum again."""
    file = formats.read(path)
    form = FORMATS[file.description.format]
    plain, container = form.save(model, file.description), form.container

    def signed(_: bytes, draw: Random) -> bytes:
        content, text = plain, json.dumps(file.values).encode()
        if draw.random() < 0.6:
            content = mutate(content, draw)
        else:
            text = mutations.mutate_json(text, draw)
        values = json.loads(text)
        values["checksum"] = checksum(values, container.content_hash(content))
        return container.attach(content, json.dumps(values))

    return signed


def _read_costs(folder: Path) -> bool:
    store = Store(folder / "store")
    before = read_costs(store.folder)
    add_costs(store, [Spent("ab" * 32, 1.0, 2.0)])
    assert read_costs(store.folder)["ab" * 32].seconds <= 1e300
    return bool(before)


def _read_idx(folder: Path) -> bool:
    data = datasets.load(NamedDataset("kmnist", str(folder), [0.1], [0.3], 100), "cpu")
    labels = data.train.labels
    assert 0 <= int(labels.min()) <= int(labels.max()) <= 9, "a label that is not a class"
    return True


def _read_checkpoint(folder: Path) -> bool:
    network = NETWORK()
    tensors = read_weights(str(folder / "own" / "checkpoint.pt"), network)
    load_tensors(network, tensors)
    return True


def _read_arrays(folder: Path) -> bool:
    return len(array_files.read(ArraysDataset(root=str(folder / "own" / "arrays.npz"))).train) > 0


def _read_images(folder: Path) -> bool:
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # decoded images are kept there
    return len(folder_reader.read(FolderDataset(root=str(folder / "own" / "images"))).train) > 0


def _same_size(content: bytes, draw: Random) -> bytes:
    """Change bytes; most often without changing the size, which is checked first."""
    changed = mutate_bytes(content, draw)
    return changed if draw.random() < 0.1 else (changed + content)[: len(content)]
