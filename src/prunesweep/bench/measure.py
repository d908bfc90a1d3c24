"""Measure the latencies and the file sizes of a completed run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prunesweep.bench.sizes import file_sizes
from prunesweep.bench.timing import Times, interleaved
from prunesweep.bench.variants import SPARSE_C, Subject, prepared
from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.config import RunConfig
from prunesweep.data.layout import in_layout
from prunesweep.experiment.device import use_device
from prunesweep.experiment.saved import load_weights
from prunesweep.export.write import FileSize, contiguous, describe, network_of
from prunesweep.models.tensors import own_tensors
from prunesweep.quantization.integer import IntegerNetwork
from prunesweep.results.run_directory import RunDirectory

BATCHES = (1, 256)
"""The numbers of images."""
THREADS = 1
INTEGERS = (
    f"{SPARSE_C} computes with 8-bit integers, as the run does (quantize=int8). The variants in torch compute with the "
    "real values of its weights."
)


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
    subject = subject_of(run, config)
    notes = [INTEGERS] if isinstance(subject.exported, IntegerNetwork) else []
    variants, impossible = prepared(subject)
    times = {
        batch: interleaved({name: timers(batch) for name, timers in variants.items()}, rounds) for batch in BATCHES
    }
    sizes, missing = file_sizes(subject.exported, subject.description)
    return Measurement(run, times, sizes, [*notes, *impossible, *missing])


def subject_of(run: RunDirectory, config: RunConfig) -> Subject:
    """Return the networks of `run`, and images of its test split, repeated if there are fewer than in a batch.

    The dense network has new weights, because the run directory does not contain those before pruning.

    Raises:
        UsageError: The files of the run cannot be read or do not belong together.
    """
    context = Context(config.model, config.dataset, use_device("cpu", THREADS, portable=config.portable))
    weights = load_weights(run)
    network = network_of(run, config, context, weights)
    dense, pruned = (context.network(State(each)) for each in (own_tensors(context.template()), weights))
    exported = network if isinstance(network, IntegerNetwork) else contiguous(context, weights)
    images = context.data.test.images
    repeated = images.repeat(-(-max(BATCHES) // len(images)), 1, 1, 1)[: max(BATCHES)]
    description = describe(run.result, "c", context)
    return Subject(dense, pruned, exported, description, in_layout(repeated, context.traits.layout))
