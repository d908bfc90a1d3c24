"""Export the network of a run to one file, which is verified before it is written if this machine can read it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from prunesweep.chain.context import Context
from prunesweep.chain.environment import environment
from prunesweep.chain.state import State
from prunesweep.config import RunConfig
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError, check_choice
from prunesweep.experiment.device import use_device
from prunesweep.experiment.saved import load_scales, load_weights
from prunesweep.export.description import Description
from prunesweep.export.formats import FORMATS, Export, load, pack, parse, read, summary
from prunesweep.export.invalid import LIMIT
from prunesweep.export.protocol import FLOAT32, INT8, Format, NotVerified
from prunesweep.export.recorded import check_accuracy, check_counts, check_origin
from prunesweep.export.verify import Accuracy, accuracy, check_same_network, compute_logits
from prunesweep.files import read_regular, refuse_links, write_atomically
from prunesweep.models.tensors import load_tensors
from prunesweep.pruning.selection import masked_parameters
from prunesweep.quantization.integer import IntegerNetwork
from prunesweep.quantization.settings import Int8
from prunesweep.results.result import EXPORTS, WEIGHTS
from prunesweep.results.run_directory import RunDirectory


@dataclass(frozen=True)
class FileSize:
    """The bytes of a file, as it is and compressed with gzip."""

    plain: int
    gzipped: int


@dataclass(frozen=True)
class ExportedFile:
    """An exported file.

    Attributes:
        path: The file.
        size: Its size.
        dense_size: The size of the run's own `model.safetensors`.
        accuracy: The accuracy on the test split, measured with the network read back from the file. None: not verified.
        largest_difference: The largest difference between its logits and those of the run's network, or None.
        obstacle: Why the file could not be verified, or None.
        sizes: Further sizes in bytes by name, such as those of the compiled code.
    """

    path: Path
    size: FileSize
    dense_size: FileSize
    accuracy: Accuracy | None
    largest_difference: float | None
    obstacle: str | None
    sizes: Mapping[str, int]


def export(run: RunDirectory, config: RunConfig, form: str, out: Path | None, dtype: str | None = None) -> ExportedFile:
    """Write the network of `run` to one file, after reading its content back and verifying it.

    Args:
        run: A completed run.
        config: The configuration of `run`, from `saved.load_config`.
        form: The name of a format in `FORMATS`.
        out: The file to write. By default a file in the directory `export` of the run. An existing file is replaced
            only if it is an export.
        dtype: The type of the weights in the file. By default that of the network of the run: int8 with quantize=int8,
            otherwise float32.

    Raises:
        UsageError: The format or the type does not exist or does not fit the run, the existing file is not an export,
            the files of the run do not belong together, the network cannot be written in the format, or the network
            read back is not the run's network.
        NotVerified: A tool of this machine cannot read the file, which is written.
    """
    check_choice("--format", form, FORMATS)
    chosen = FORMATS[form]
    if dtype is not None:
        check_choice("--dtype", dtype, (FLOAT32, INT8))
    path = out or _default_path(run, chosen)
    check_replaceable(path)
    _check_companion(path, chosen)
    _check_type(config, chosen, dtype)
    context = Context(config.model, config.dataset, use_device("cpu", config.threads, portable=config.portable))
    weights = load_weights(run)
    check_origin(run, weights)
    network = network_of(run, config, context, weights)
    expected = compute_logits(network, context.data.test)
    _check_result(run, config, context, weights, accuracy(expected, context.data.test))
    computes_integers = isinstance(network, IntegerNetwork)
    description = describe(run.result, form, context)
    content = pack_network(chosen, network if computes_integers else contiguous(context, weights), description)
    obstacle = chosen.obstacle()
    measured, difference = None, None
    if obstacle is None:
        exact = chosen.exact or computes_integers
        measured, difference = _verify(parse(path, content), context, expected, chosen, exact=exact)
    _write_files(path, content, chosen, description)
    sizes = (file_size(content), file_size((run.folder / WEIGHTS).read_bytes()))
    return ExportedFile(path, *sizes, measured, difference, obstacle, chosen.sizes(content))


def _verify(
    exported: Export, context: Context, expected: Tensor, form: Format, *, exact: bool
) -> tuple[Accuracy, float]:
    """Return the accuracy and the largest difference of the network in a file that is about to be written.

    Args:
        exported: The file.
        context: The context of its run.
        expected: The logits of the run's network on the test split.
        form: The format.
        exact: Whether the logits must be equal.

    Raises:
        UsageError: The network is not the run's network.
        NotVerified: A tool of this machine cannot read the file, which is written.
    """
    try:
        network = load(exported, trust=True)  # this process has just written the content
    except NotVerified as error:
        _write_files(exported.path, exported.content, form, exported.description)
        raise NotVerified(f"{exported.path}: was written, but not verified. {error}") from error
    actual = compute_logits(network, context.data.test)
    difference = check_same_network(form.name, expected, actual, exact=exact)
    return accuracy(actual, context.data.test), difference


def _write_files(path: Path, content: bytes, form: Format, description: Description) -> None:
    write_atomically(path, content)
    if form.companion is not None:
        write_atomically(path.with_suffix(form.companion.suffix), form.companion.write(description))


def _check_type(config: RunConfig, form: Format, dtype: str | None) -> None:
    """Refuse a type of weights other than that of the run's network, and a format that does not have this type.

    The accuracy of a run with quantize=int8 is that of a network that computes with integers.
    """
    own = INT8 if isinstance(config.quantize, Int8) else FLOAT32
    if dtype not in (own, None):
        raise UsageError(
            f"--dtype={dtype}: the run has quantize={config.quantize.name}, so its network has weights of type {own}. "
            f"Use --dtype={own}, which is the default, or another run."
        )
    if own not in form.dtypes:
        able = " or ".join(name for name, each in FORMATS.items() if own in each.dtypes)
        raise UsageError(
            f"--format={form.name}: the run has quantize={config.quantize.name}: its accuracy is that of a network "
            "that computes with integers, and this format contains networks of floating-point numbers. Use --format "
            f"{able}, or export a run with quantize=codebook or quantize=none."
        )


def file_size(content: bytes) -> FileSize:
    """Return the size of a file with the given content."""
    return FileSize(len(content), len(gzip.compress(content)))


def _default_path(run: RunDirectory, form: Format) -> Path:
    """Return the path of the exported file in the directory of the run, which a link must not lead out of."""
    name = EXPORTS / f"model{form.suffix}"
    try:
        refuse_links(run.folder, name)
    except ValueError as error:
        raise UsageError(f"{run.folder / name}: {error}. Give another file with --out.") from None
    return run.folder / name


def check_replaceable(path: Path) -> None:
    """Check that `path` does not exist or is an export.

    Raises:
        UsageError: Another file would be replaced.
    """
    try:
        if path.exists():
            read(path)
    except UsageError as error:
        raise UsageError(f"--out={path}: exists already and is not an export. Give another name.") from error


def _check_companion(path: Path, form: Format) -> None:
    """Check that the second file of a format, if it has one, would not replace a file that is not ours.

    Raises:
        UsageError: Another file would be replaced, or the names of the two files do not belong together.
    """
    if form.companion is None:
        return
    if path.suffix != form.suffix:
        raise UsageError(f"--out={path}: must end in {form.suffix} with --format={form.name}.")
    second, mark = path.with_suffix(form.companion.suffix), form.companion.mark
    try:
        if second.exists() and not read_regular(second, LIMIT).startswith(mark):
            raise ValueError("is not one of ours")
    except ValueError as error:
        raise UsageError(f"{second}: exists already and is not an export. Give another name with --out.") from error


def network_of(run: RunDirectory, config: RunConfig, context: Context, weights: Mapping[str, Tensor]) -> nn.Module:
    """Return the run's network in evaluation mode: an `IntegerNetwork` if it computes with integers."""
    try:
        model = context.network(State(weights)).eval()
    except UsageError as error:
        raise UsageError(
            f"{run.folder}: its weights do not fit the network of its config ({error.__cause__})."
        ) from error
    if not isinstance(config.quantize, Int8):
        return model
    try:
        return IntegerNetwork(model, load_scales(run) or [])
    except (ValueError, IndexError) as error:
        raise UsageError(
            f"{run.folder / WEIGHTS}: does not have the scales of the activations of its network."
        ) from error


def _check_result(
    run: RunDirectory, config: RunConfig, context: Context, weights: Mapping[str, Tensor], measured: Accuracy
) -> None:
    """Check the counts and the test accuracy in the result of `run`."""
    model = context.template()
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    masked = masked_parameters(model, config.layers, config.prune, context.traits.executed)
    check_counts(run, weights, sizes, masked)
    here = environment("cpu", config.threads, portable=config.portable)
    same_machine = (run.provenance or {}).get("environment") == here
    check_accuracy(run.folder, measured, run.result["final"]["test_accuracy"], same_machine=same_machine)


def contiguous(context: Context, weights: Mapping[str, Tensor]) -> nn.Module:
    """Return the network with the given weights in evaluation mode, and in the memory layout that files have."""
    model = context.template()
    load_tensors(model, weights)
    return model.eval()


def pack_network(form: Format, model: nn.Module, description: Description) -> bytes:
    """Return the content of a file with `model`, in evaluation mode.

    Raises:
        UsageError: The network cannot be written in the format.
    """
    try:
        return pack(form, model, description)
    except UsageError:
        raise
    except Exception as error:  # a custom network may use operations that the format does not support
        raise UsageError(
            f"--format={form.name}: this network cannot be written in this format ({summary(error)})."
        ) from error


def describe(result: Mapping[str, Any], form: str, context: Context) -> Description:
    """Return the description of the network of a run in a file of the format `form`.

    Args:
        result: The fields of its result, of which the digest, the counts and the test accuracy are used.
        form: The name of the format.
        context: The network and the data of the run.
    """
    dataset, found = context.dataset, context.facts
    common = ("name", "root", "mean", "std", "scale")
    data = {} if dataset.name in SOURCES else {k: v for k, v in asdict(dataset).items() if k not in common}
    return Description(
        format=form,
        model=context.model.architecture(),
        dataset=dataset.name,
        shape=list(found.shape),
        mean=list(found.mean),
        std=list(found.std),
        validation=found.sizes["validation"],
        test_accuracy=result["final"]["test_accuracy"],
        params_total=int(result["params_total"]),
        params_nonzero=int(result["params_nonzero"]),
        digest=result["digest"],
        layout=context.traits.layout,
        classes=len(found.classes),
        scale=found.scale,
        data=data,
    )
