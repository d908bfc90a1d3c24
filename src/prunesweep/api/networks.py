"""The network of a finished run and its masks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from prunesweep.chain.context import Context
from prunesweep.chain.state import State, tensor_hash
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment.saved import completed_run, load_config, load_weights
from prunesweep.export.recorded import check_origin
from prunesweep.pruning.allocation import layer_of
from prunesweep.pruning.selection import output_layer, select
from prunesweep.results.result import PROVENANCE
from prunesweep.results.run_directory import RunDirectory
from prunesweep.store.settings import StoreSettings
from prunesweep.store.store import open_store

MASKS = "masks/"
"""The start of the names of the masks in a stored state."""


def network(run_dir: str | Path, *, trust: bool = False) -> nn.Module:
    """Return the pruned network of a run on the CPU, in evaluation mode. Pruned weights are exactly zero.

    The files may come from other people: the weights must have the hash that `provenance.json` records, and code that
    the saved config names is not executed without `trust`.

    Args:
        run_dir: The directory of a completed run.
        trust: Whether the saved config may import code by its path, for your own network or criterion.

    Raises:
        UsageError: The run did not complete, its files do not belong together, or the config names code.

    Example:
        >>> import prunesweep, torch
        >>> result = prunesweep.run("model=lenet_300_100", "prune.amount=0.9", "train.epochs=1", "finetune.epochs=1")
        >>> model = prunesweep.network(result.directory)
        >>> model(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 10])
        >>> int(model.fc1.weight.count_nonzero() < model.fc1.weight.numel())
        1
    """
    _, context, weights = _opened(run_dir, trust=trust)
    return _built(Path(run_dir), context, weights)


def masks(run_dir: str | Path, *, trust: bool = False, store: str | Path | None = None) -> dict[str, Tensor]:
    """Return the masks of a run: parameter name -> boolean tensor of its shape, true where the weight is kept.

    A run directory contains the weights and the hash of the masks. The masks are the positions of weights that are not
    zero. If a kept weight is zero as well, for example an untrained bias, the masks are read from the store.

    Args:
        run_dir: The directory of a completed run.
        trust: Whether the saved config may import code by its path, for your own network or criterion.
        store: The folder of the store, like `store.dir`. By default the folder in your cache directory.

    Raises:
        UsageError: As `network`; or kept weights are zero and the store does not contain the run.

    Example:
        >>> import prunesweep
        >>> result = prunesweep.run("model=lenet_300_100", "prune.amount=0.9", "train.epochs=1", "finetune.epochs=1")
        >>> masks = prunesweep.masks(result.directory)
        >>> list(masks)
        ['fc1.weight', 'fc2.weight', 'fc3.weight']
        >>> sum(int(mask.sum()) for mask in masks.values()) == result.params_selected - result.params_pruned
        True
    """
    run, context, weights = _opened(run_dir, trust=trust)
    recorded = (run.provenance or {}).get("masks")
    if recorded is None:
        raise UsageError(f"{run.folder / PROVENANCE}: does not have the hash of the masks.")
    config, _ = load_config(run, trust=trust)
    found = _nonzero(config, context, _built(run.folder, context, weights), weights)
    if tensor_hash(found) == recorded:
        return found
    settings = StoreSettings(dir=None if store is None else str(store))
    entry = open_store(settings).load(run.result["digest"]) if settings.folder.is_dir() else None
    tensors = entry[0] if entry else {}
    stored = {name.removeprefix(MASKS): tensor for name, tensor in tensors.items() if name.startswith(MASKS)}
    if tensor_hash(stored) == recorded:
        return stored
    raise UsageError(
        f"{run.folder}: weights that are not pruned are zero as well, and the store {settings.folder} does not contain "
        f"the masks of the run. Give the store of the run (store=DIR), or compute it again: prunesweep reproduce "
        f"{run.folder} --use-store"
    )


def _opened(run_dir: str | Path, *, trust: bool) -> tuple[RunDirectory, Context, dict[str, Tensor]]:
    """Return a run, the context of its network and its weights, which are those of the run."""
    run = completed_run(Path(run_dir))
    config, notes = load_config(run, trust=trust)
    for note in notes:
        warnings.warn(f"{run.folder}: {note}", stacklevel=3)
    weights = load_weights(run)
    check_origin(run, weights)
    return run, Context(config.model, config.dataset, "cpu"), weights


def _built(folder: Path, context: Context, weights: Mapping[str, Tensor]) -> nn.Module:
    try:
        return context.network(State(weights))
    except UsageError as error:
        raise UsageError(f"{folder}: its weights do not fit the network of its config ({error.__cause__}).") from error


def _nonzero(config: RunConfig, context: Context, model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the positions of weights that are not zero; for the bias of a channel, whether the channel has any."""
    channels = config.prune.structure == "channel"
    names = select(model, config.layers, output=output_layer(model, context.traits.executed) if channels else None)
    found = {name: (weights[name] != 0).contiguous() for name in names}
    if channels:
        kept = {layer_of(name): mask.flatten(1).any(1) for name, mask in found.items() if mask.dim() > 1}
        found.update({name: kept[layer_of(name)] for name, mask in found.items() if mask.dim() == 1})
    return found
