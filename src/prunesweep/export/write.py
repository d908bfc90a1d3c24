"""Export the network of a run to one file. The file is verified before it gets its final name."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.environment import environment
from prunesweep.chain.state import State
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError, check_choice
from prunesweep.experiment.device import use_device
from prunesweep.experiment.saved import load_weights
from prunesweep.export.description import Description
from prunesweep.export.formats import FORMATS, describe, load
from prunesweep.export.protocol import Format
from prunesweep.export.verify import (
    Accuracy,
    accuracy,
    check_recorded_accuracy,
    check_same_network,
    compute_logits,
)
from prunesweep.results.result import EXPORTS, WEIGHTS
from prunesweep.results.run_directory import RunDirectory


@dataclass(frozen=True)
class FileSize:
    """The bytes of a file, as it is and compressed with gzip."""

    plain: int
    gzipped: int


@dataclass(frozen=True)
class ExportedFile:
    """A verified file.

    Attributes:
        path: The file.
        size: Its size.
        dense_size: The size of the run's own `model.safetensors`.
        accuracy: The accuracy on the test split, measured with the network read back from the file.
        largest_difference: The largest difference between its logits and those of the run's network.
    """

    path: Path
    size: FileSize
    dense_size: FileSize
    accuracy: Accuracy
    largest_difference: float


def export(run: RunDirectory, config: RunConfig, form: str, out: Path | None) -> ExportedFile:
    """Write the network of `run` to one file, read it back and verify it. A file that fails is removed.

    Args:
        run: A completed run.
        config: The configuration of `run`, from `saved.load_config`.
        form: The name of a format in `FORMATS`.
        out: The file to write. By default a file in the directory `export` of the run. An existing file is replaced
            only if it is an export.

    Raises:
        UsageError: The format does not exist, the existing file is not an export, the network cannot be written in the
            format, or the network read back is not the run's network.
    """
    check_choice("--format", form, FORMATS)
    chosen = FORMATS[form]
    path = out or run.folder / EXPORTS / f"model{chosen.suffix}"
    check_replaceable(path)
    context = Context(config.model, config.dataset, use_device("cpu", config.threads, portable=config.portable))
    weights = load_weights(run)
    expected = _recorded_logits(run, config, context, weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        written = Path(folder) / path.name
        _write(context, weights, chosen, written, _describe_run(run, config, form))
        network = load(written, describe(written), trust=True)  # this process has just written the file
        actual = compute_logits(network, context.data.test)
        difference = check_same_network(form, expected, actual, exact=chosen.exact)
        written.chmod(0o644)
        os.replace(written, path)
    measured = accuracy(actual, context.data.test)
    return ExportedFile(path, file_size(path), file_size(run.folder / WEIGHTS), measured, difference)


def file_size(path: Path) -> FileSize:
    """Return the size of the file at `path`."""
    content = path.read_bytes()
    return FileSize(len(content), len(gzip.compress(content)))


def check_replaceable(path: Path) -> None:
    """Check that `path` does not exist or is an export.

    Raises:
        UsageError: Another file would be replaced.
    """
    try:
        if path.exists():
            describe(path)
    except UsageError as error:
        raise UsageError(f"--out={path}: exists already and is not an export. Give another name.") from error


def _recorded_logits(run: RunDirectory, config: RunConfig, context: Context, weights: Mapping[str, Tensor]) -> Tensor:
    """Return the logits of the run's network on the test split, after checking them against `result.json`."""
    try:
        logits = compute_logits(context.network(State(weights)), context.data.test)
    except RuntimeError as error:
        raise UsageError(f"{run.folder}: its weights do not fit the network of its config ({error}).") from error
    same_machine = (run.provenance or {}).get("environment") == environment(
        "cpu", config.threads, portable=config.portable
    )
    recorded = run.result["final"]["test_accuracy"]
    check_recorded_accuracy(run.folder, accuracy(logits, context.data.test), recorded, same_machine=same_machine)
    return logits


def _write(context: Context, weights: Mapping[str, Tensor], form: Format, path: Path, description: Description) -> None:
    model = context.template()
    model.load_state_dict(dict(weights))
    try:
        form.save(model.eval(), path, description)
    except UsageError:
        raise
    except Exception as error:  # a custom network may use operations that the format does not support
        reason = str(error).strip().splitlines() or [""]
        raise UsageError(
            f"--format={form.name}: this network cannot be written in this format "
            f"({type(error).__name__}: {reason[0]})."
        ) from error


def _describe_run(run: RunDirectory, config: RunConfig, form: str) -> Description:
    dataset, result = config.dataset, run.result
    return Description(
        format=form,
        model=asdict(config.model),
        dataset=dataset.name,
        shape=list(dataset.shape),
        mean=dataset.mean,
        std=dataset.std,
        validation=dataset.validation,
        test_accuracy=result["final"]["test_accuracy"],
        params_total=result["params_total"],
        params_nonzero=result["params_nonzero"],
        digest=result["digest"],
    )
