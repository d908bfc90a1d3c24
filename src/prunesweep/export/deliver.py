"""A run's network into a file, verified before it stands there; and such a file scored."""

from __future__ import annotations

import gzip
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.environment import environment
from prunesweep.chain.state import State
from prunesweep.data.datasets import load as load_data
from prunesweep.errors import UsageError, check_choice
from prunesweep.experiment.device import use_device
from prunesweep.experiment.saved import Saved
from prunesweep.export.description import Description
from prunesweep.export.formats import FORMATS, describe, load
from prunesweep.export.verify import (
    ImageCount,
    check_recorded,
    check_same,
    count,
    logits,
)
from prunesweep.results.result import WEIGHTS

EVALUATION_THREADS = 2  # as in a run's default: a fixed number, because the last bits depend on it
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Exported:
    """A verified file.

    Attributes:
        path: where it is.
        size: its bytes, as it is and under gzip.
        dense: those of the run's own `model.safetensors`.
        score: on the test split, read back.
        apart: the largest difference between its logits and those of the run's network.
    """

    path: Path
    size: tuple[int, int]
    dense: tuple[int, int]
    score: ImageCount
    apart: float


def export(run: Saved, form: str, out: Path | None) -> Exported:
    """Write the network of `run` in the format called `form`, read it back and score it; a file that fails is removed.

    Raises:
        UsageError: an unknown format, a file that is something else, a network that cannot be written so, or what
            was read back is not the run's network.
    """
    check_choice("--format", form, FORMATS)
    path = out or run.folder / "export" / f"model{FORMATS[form].suffix}"
    refuse_to_replace(path)
    context = Context(run.config.model, run.config.dataset, use_device("cpu", run.config.threads))
    weights = run.weights()
    told = _description(run, form)
    expected = _recorded_logits(run, context, weights, told.test_accuracy)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        written = Path(folder) / path.name
        _write(context, weights, form, written, told)
        network = load(written, describe(written), trust=True)  # as anybody would, but just written by ourselves
        found = logits(network, context.data.test)
        apart = check_same(form, expected, found, exact=FORMATS[form].exact)
        written.chmod(0o644)
        os.replace(written, path)
    return Exported(path, _sizes(path), _sizes(run.folder / WEIGHTS), count(found, context.data.test), apart)


def _sizes(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    return len(content), len(gzip.compress(content))


def _recorded_logits(run: Saved, context: Context, weights: dict[str, Tensor], recorded: float) -> Tensor:
    """The logits of the run's network on the test split, once it is known that they are those it was judged by."""
    try:
        found = logits(context.network(State(weights)), context.data.test)
    except RuntimeError as error:
        raise UsageError(f"{run.folder}: its weights are not those of its config ({error}).") from error
    here = environment("cpu", run.config.threads)
    same = (run.provenance or {}).get("environment") == here
    check_recorded(run.folder, count(found, context.data.test), recorded, same_machine=same)
    return found


def _write(context: Context, weights: dict[str, Tensor], form: str, path: Path, description: Description) -> None:
    model = context.fresh()
    model.load_state_dict(weights)
    try:
        FORMATS[form].save(model.eval(), path, description)
    except UsageError:
        raise
    except Exception as error:  # a network of the user's own may do what a format cannot tell
        reason = str(error).strip().splitlines() or [""]
        raise UsageError(
            f"--format {form}: this network cannot be written so ({type(error).__name__}: {reason[0]})."
        ) from error


def _description(run: Saved, form: str) -> Description:
    dataset, result = run.config.dataset, run.result
    try:
        return Description(
            format=form,
            model=asdict(run.config.model),
            dataset=dataset.name,
            shape=list(dataset.shape),
            mean=dataset.mean,
            std=dataset.std,
            validation=dataset.validation,
            test_accuracy=float(result["final"]["test_accuracy"]),
            params_total=int(result["params_total"]),
            params_nonzero=int(result["params_nonzero"]),
            digest=str(result["digest"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{run.folder}: its result.json is not that of a run ({error!r}).") from error


def refuse_to_replace(path: Path) -> None:
    """Raise `UsageError` if `path` is there and no export."""
    try:
        if path.exists():
            describe(path)
    except UsageError as error:
        raise UsageError(f"--out={path}: is there already and is not an export. Give another name.") from error


def evaluate(path: Path, dataset: str | None, root: str | None, split: str, *, trust: bool) -> ImageCount:
    """Score the exported file at `path` on a split of its own data set, or of the one called `dataset`.

    Raises:
        UsageError: it is not an export, or the data do not fit it.
    """
    check_choice("--split", split, SPLITS)
    description = describe(path)
    use_device("cpu", EVALUATION_THREADS)
    network = load(path, description, trust=trust)
    data = load_data(description.data(dataset, root or os.environ.get("PRUNESWEEP_DATA")), "cpu")
    chosen = getattr(data, split)
    return count(logits(network, chosen), chosen)
