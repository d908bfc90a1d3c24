import pytest
import torch
from support import Completed

from prunesweep.bench.measure import INTEGERS, measure, subject_of
from prunesweep.bench.variants import VARIANTS
from prunesweep.experiment.saved import completed_run, load_config
from prunesweep.quantization.integer import IntegerNetwork

UNTRAINED = ("model=lenet5", "train.epochs=0", "finetune.epochs=0", "prune.amount=0.9")


def test_the_networks_and_the_images_are_those_of_the_run(completed: Completed) -> None:
    run = completed_run(completed(*UNTRAINED))
    config, _ = load_config(run)
    subject = subject_of(run, config)
    zeros = sum(int((parameter == 0).sum()) for parameter in subject.pruned.parameters())
    assert zeros >= run.result["params_total"] - run.result["params_nonzero"]
    assert all(bool((parameter != 0).any()) for parameter in subject.dense.parameters())
    assert subject.images.shape == (256, 1, 28, 28)
    assert subject.description.params_nonzero == run.result["params_nonzero"]


def test_few_images_are_repeated(completed: Completed, little_data: None) -> None:
    run = completed_run(completed(*UNTRAINED))
    config, _ = load_config(run)
    images = subject_of(run, config).images
    assert len(images) == 256
    assert len(torch.unique(images.flatten(1), dim=0)) < 256


def test_a_run_is_measured_and_nothing_is_written(completed: Completed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunesweep.bench.measure.BATCHES", (1, 2))
    folder = completed(*UNTRAINED)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    run = completed_run(folder)
    config, _ = load_config(run)
    measurement = measure(run, config, 1)
    assert list(measurement.times) == [1, 2]
    assert all(
        {"torch, dense", "torch, sparse CSR"} <= set(times) <= set(VARIANTS) for times in measurement.times.values()
    )
    assert measurement.sizes["csr"].plain < measurement.sizes["safetensors"].plain
    assert len(set(measurement.notes)) == len(measurement.notes)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_c_file_of_an_integer_network_computes_with_integers(
    completed: Completed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prunesweep.bench.measure.BATCHES", (1,))
    run = completed_run(completed(*UNTRAINED, "quantize=int8"))
    config, _ = load_config(run)
    subject = subject_of(run, config)
    assert isinstance(subject.exported, IntegerNetwork)
    assert not isinstance(subject.pruned, IntegerNetwork)
    measurement = measure(run, config, 1)
    assert list(measurement.sizes) == ["c"]
    assert INTEGERS in measurement.notes
    assert "torch, masked" in measurement.times[1]
