"""Measure the latencies and the file sizes of a completed run."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from prunesweep.bench.sizes import file_sizes
from prunesweep.bench.timing import Times, interleaved
from prunesweep.bench.variants import Subject, timers
from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.config import RunConfig
from prunesweep.data.layout import in_layout
from prunesweep.errors import UsageError
from prunesweep.experiment.device import use_device
from prunesweep.experiment.saved import load_weights
from prunesweep.export.write import FileSize, describe
from prunesweep.models.tensors import own_tensors
from prunesweep.quantization.settings import Int8
from prunesweep.results.run_directory import RunDirectory

BATCHES = (1, 256)
"""The numbers of images."""
THREADS = 1


@dataclass(frozen=True)
class Measurement:
    """What was measured for a run.

    Attributes:
        run: The run.
        times: Number of images -> variant -> microseconds.
        sizes: Format -> bytes of the exported file.
        notes: Why variants and formats are missing.
    """

    run: RunDirectory
    times: Mapping[int, Mapping[str, Times]]
    sizes: Mapping[str, FileSize]
    notes: Sequence[str]


def measure(run: RunDirectory, config: RunConfig, rounds: int) -> Measurement:
    """Return the latencies and the file sizes of `run`. Nothing is written.

    Args:
        run: A completed run.
        config: The configuration of `run`, from `saved.load_config`.
        rounds: The number of times that each variant is measured.

    Raises:
        UsageError: The files of the run cannot be read or do not belong together.
    """
    if isinstance(config.quantize, Int8):
        raise UsageError(
            f"{run.folder}: the run has quantize=int8. Networks that compute with integers cannot be measured: give a "
            "run with quantize=none or quantize=codebook."
        )
    subject = subject_of(run, config)
    notes: list[str] = []
    times = {}
    for batch in BATCHES:
        measured, missing = timers(subject, batch)
        times[batch] = interleaved(measured, rounds)
        notes += missing
    contiguous = copy.deepcopy(subject.pruned).to(memory_format=torch.contiguous_format)  # as in an export
    sizes, missing = file_sizes(contiguous, subject.description)
    return Measurement(run, times, sizes, list(dict.fromkeys([*notes, *missing])))


def subject_of(run: RunDirectory, config: RunConfig) -> Subject:
    """Return the networks of `run`, and images of its test split, repeated if there are fewer than in a batch.

    The dense network has new weights, because the run directory does not contain those before pruning.

    Raises:
        UsageError: The files of the run cannot be read or do not belong together.
    """
    context = Context(config.model, config.dataset, use_device("cpu", THREADS, portable=config.portable))
    dense = context.network(State(own_tensors(context.template())))
    pruned = context.network(State(load_weights(run)))
    images = context.data.test.images
    repeated = images.repeat(-(-max(BATCHES) // len(images)), 1, 1, 1)[: max(BATCHES)]
    return Subject(dense, pruned, describe(run, config, "c", context), in_layout(repeated, context.traits.layout))
