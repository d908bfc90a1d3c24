"""The network of a finished run and its masks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from prunesweep.chain.context import Context
from prunesweep.chain.state import State, tensor_hash
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment.saved import Files, completed_run, load_config, load_weights
from prunesweep.export.recorded import check_origin
from prunesweep.models.tensors import layer_of
from prunesweep.pruning.selection import masked_parameters
from prunesweep.results.result import PROVENANCE
from prunesweep.results.run_directory import RunDirectory
from prunesweep.store.settings import StoreSettings
from prunesweep.store.store import open_store

MASKS = "masks/"
"""The start of the names of the masks in a stored state."""


def network(run_dir: str | Path, *, trust: bool = False, root: str | Path | None = None) -> nn.Module:
    """Return the pruned network of a run on the CPU, in evaluation mode. Pruned weights are exactly zero.

    The files may come from other people: the weights must have the hash that `provenance.json` records, and code that
    the saved config names is not executed without `trust`.

    Args:
        run_dir: The directory of a completed run.
        trust: Whether the saved config may import code and read data that it names, such as your own network.
        root: The folder or file of your own data, like `dataset.root`. It contains the shape of an image and the number
            of classes, on which the network depends.

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
    opened = _open(run_dir, root, trust=trust)
    return _built(opened)


def masks(
    run_dir: str | Path, *, trust: bool = False, root: str | Path | None = None, store: str | Path | None = None
) -> dict[str, Tensor]:
    """Return the masks of a run: parameter name -> boolean tensor of its shape, true where the weight is kept.

    A run directory contains the weights and the hash of the masks. The masks are the positions of weights that are not
    zero. If a kept weight is zero as well, for example an untrained bias, the masks are read from the store.

    Args:
        run_dir: The directory of a completed run.
        trust: As for `network`.
        root: As for `network`.
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
    opened = _open(run_dir, root, trust=trust)
    run = opened.run
    recorded = (run.provenance or {}).get("masks")
    if recorded is None:
        raise UsageError(f"{run.folder / PROVENANCE}: does not have the hash of the masks.")
    found = _nonzero(opened)
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


@dataclass(frozen=True)
class Opened:
    """A run whose weights are those of its `provenance.json`."""

    run: RunDirectory
    config: RunConfig
    weights: Mapping[str, Tensor]

    @property
    def context(self) -> Context:
        """The context of the network."""
        return Context(self.config.model, self.config.dataset, "cpu")


def _open(run_dir: str | Path, root: str | Path | None, *, trust: bool) -> Opened:
    run = completed_run(Path(run_dir))
    try:
        files = Files(root=None if root is None else str(root))
        config, notes = load_config(run, files, trust=trust, to_run=False)
    except UsageError as error:  # which names the options of the commands
        raise UsageError(
            str(error).replace("--trust", "trust=True").replace("with --root", "with root=PATH")
        ) from error
    for note in notes:
        warnings.warn(f"{run.folder}: {note}", stacklevel=3)
    weights = load_weights(run)
    check_origin(run, weights)
    return Opened(run, config, weights)


def _built(opened: Opened) -> nn.Module:
    try:
        return opened.context.network(State(opened.weights))
    except UsageError as error:
        if error.__cause__ is None:  # the data cannot be read
            raise
        raise UsageError(
            f"{opened.run.folder}: its weights do not fit the network of its config ({error.__cause__})."
        ) from error


def _nonzero(opened: Opened) -> dict[str, Tensor]:
    """Return the positions of weights that are not zero; for the bias of a channel, whether the channel has any."""
    channels = opened.config.prune.structure == "channel" and opened.config.prune.cleanup == "none"
    model = _built(opened)
    config, executed = opened.config, opened.context.traits.executed
    names = masked_parameters(model, config.layers, config.prune, executed)
    found = {name: (opened.weights[name] != 0).contiguous() for name in names}
    if channels:
        kept = {layer_of(name): mask.flatten(1).any(1) for name, mask in found.items() if mask.dim() > 1}
        found.update({name: kept[layer_of(name)] for name, mask in found.items() if mask.dim() == 1})
    return found
