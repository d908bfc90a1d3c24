"""Refuse settings that do not fit the network of a run."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from prunesweep.chain.average import buffers_without_average
from prunesweep.chain.context import Context
from prunesweep.chain.schedules.settings import Penalty
from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.models.tensors import layer_of
from prunesweep.models.trial import Traits
from prunesweep.pruning.compact import NotCompactable, check_compactable
from prunesweep.pruning.criteria import find
from prunesweep.pruning.selection import prunable


def check_network(config: RunConfig, network: nn.Module, names: Sequence[str], context: Context) -> None:
    """Refuse settings that do not fit the network, before anything is computed.

    Args:
        config: The settings.
        network: The network from which the run starts.
        names: The parameters selected for pruning.
        context: The network, the data and the device.

    Raises:
        UsageError: The message names the setting.
    """
    check_biases(config.prune.structure, biases=config.layers.biases)
    _check_gradients(config, names, context.traits)
    _check_inputs(config, names, context.traits)
    _check_average(config, network)
    _check_penalty(config)
    _check_transposed(config, network, names)
    if config.prune.structure == "channel" and config.prune.criterion != "none":
        _check_channels(config, network, names, context)


def check_biases(structure: str, *, biases: bool) -> None:
    """Refuse groups of inputs of biases.

    Raises:
        UsageError: Biases are selected, and the structure prunes groups of inputs.
    """
    if structure == "n_of_m" and biases:
        raise UsageError(
            "layers.biases=true: prune.structure=n_of_m prunes groups of neighboring inputs, and a bias has no inputs. "
            "Set layers.biases=false."
        )


def _check_gradients(config: RunConfig, names: Sequence[str], traits: Traits) -> None:
    """Refuse a criterion that needs gradients for parameters without one, whose scores would be meaningless."""
    criterion = config.prune.criterion
    needs_data = criterion != "none" and find(criterion, config.prune.target).needs_data
    without = [name for name in names if name in traits.without_gradient]
    if needs_data and without:
        raise UsageError(
            f"prune.criterion={criterion}: the loss does not depend on {', '.join(without)}, so there are no gradients "
            f"to score. Exclude these layers: 'layers.exclude=[{','.join(dict.fromkeys(map(layer_of, without)))}]'."
        )


def _check_inputs(config: RunConfig, names: Sequence[str], traits: Traits) -> None:
    """Refuse a criterion that needs the inputs of layers that the forward pass does not call."""
    criterion = config.prune.criterion
    unused = [layer for layer in dict.fromkeys(map(layer_of, names)) if layer not in traits.executed]
    if unused and criterion != "none" and find(criterion, config.prune.target).needs_inputs:
        raise UsageError(
            f"prune.criterion={criterion}: the forward pass does not call {', '.join(unused)}, so the inputs are not "
            f"known. Exclude these layers: 'layers.exclude=[{','.join(unused)}]'."
        )


def _check_penalty(config: RunConfig) -> None:
    if config.prune.penalty is not None and not isinstance(config.schedule, Penalty):
        raise UsageError(
            f"prune.penalty={config.prune.penalty}: schedule={config.schedule.name} trains without a penalty. "
            "Set schedule=penalty, or prune.penalty=null."
        )


def _check_average(config: RunConfig, network: nn.Module) -> None:
    without = buffers_without_average(network) if config.finetune.average else []
    if without:
        raise UsageError(
            f"finetune.average={config.finetune.average}: the network has buffers other than the statistics of batch "
            f"normalization, and no average of them is known: {', '.join(without)}. Set finetune.average=0."
        )


def _check_transposed(config: RunConfig, network: nn.Module, names: Sequence[str]) -> None:
    """Refuse structures of transposed convolutions, whose weights have inputs and outputs in the other order."""
    kinds = prunable(network)
    transposed = [layer for layer in dict.fromkeys(map(layer_of, names)) if kinds.get(layer) == "conv_transpose"]
    if not transposed:
        return
    exclude = f"Exclude these layers: 'layers.exclude=[{','.join(transposed)}]'."
    if config.prune.structure != "unstructured":
        raise UsageError(
            f"prune.structure={config.prune.structure}: transposed convolutions can only be pruned with "
            f"prune.structure=unstructured. {exclude}"
        )
    if config.prune.scope == "output":
        raise UsageError(f"prune.scope=output: the weights of transposed convolutions are not in rows. {exclude}")


def _check_channels(config: RunConfig, network: nn.Module, names: Sequence[str], context: Context) -> None:
    unused = [layer for layer in dict.fromkeys(map(layer_of, names)) if layer not in context.traits.executed]
    if unused:
        raise UsageError(
            f"prune.structure=channel: the forward pass does not call {', '.join(unused)}, so it is not known which "
            f"channels depend on it. Exclude it: 'layers.exclude=[{','.join(unused)}]'."
        )
    try:
        check_compactable(network, names, context.shape)
    except NotCompactable as error:
        raise UsageError(
            f"prune.structure=channel: the channels of model={config.model.name} cannot be removed: {error}. "
            "Use prune.structure=unstructured, or exclude the layers before an operation that does not map zero to "
            "zero, such as sigmoid (layers.exclude)."
        ) from error
