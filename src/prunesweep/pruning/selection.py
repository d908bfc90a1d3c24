"""Select the parameters to prune: layers by name and kind."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from prunesweep.errors import UsageError, suggestion
from prunesweep.models.tensors import first_names, layers_of, parameter_of
from prunesweep.pruning.settings import Layers, Pruning

TYPES: dict[str, tuple[type[nn.Module], ...]] = {
    "conv": (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    "fc": (nn.Linear,),
    "conv_transpose": (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
}
"""Kind -> the types of its layers."""


def prunable(model: nn.Module) -> dict[str, str]:
    """Return name -> kind of each layer that can be pruned, in the order of the network."""
    modules = layers_of(model)
    return {name: kind for name, kind in _layers(model).items() if _has_own_weight(modules[name])}


def _layers(model: nn.Module) -> dict[str, str]:
    return {
        name: kind
        for name, module in layers_of(model).items()
        for kind, types in TYPES.items()
        if isinstance(module, types)
    }


def _has_own_weight(layer: nn.Module) -> bool:
    """Return whether the weight is a parameter, and not computed from other parameters, as by weight_norm."""
    return isinstance(layer._parameters.get("weight"), nn.Parameter)


def output_layer(model: nn.Module, executed: Sequence[str]) -> str:
    """Return the prunable layer that a forward pass executes last. Its outputs are the classes.

    Args:
        model: The network.
        executed: The names of its modules in the order of their execution.

    Raises:
        UsageError: The network executes no prunable layer.
    """
    known = prunable(model)
    used = [name for name in executed if name in known] or list(known)
    if not used:
        raise UsageError("the network has no layer that can be pruned: no convolution and no linear layer.")
    return used[-1]


def select(model: nn.Module, layers: Layers, *, output: str | None = None) -> tuple[str, ...]:
    """Return the selected parameters (`conv1.weight`) in the order of the network, each once.

    Args:
        model: The network.
        layers: The settings.
        output: If whole channels are pruned, the output layer. It is not selected, because its channels are the
            classes, and the biases of the other layers are selected with their weights.

    Raises:
        UsageError: A pattern matches no prunable layer, no layer is selected, or the weight of a selected layer is
            computed from other parameters. The message lists the layers.
    """
    channels = output is not None
    known = prunable(model)
    for key, patterns in (("include", layers.include), ("exclude", layers.exclude)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in _layers(model)):
                raise UsageError(
                    f"layers.{key}=[{pattern}]: matches no layer. {_listed(known)}{suggestion(pattern, known)}"
                )
    names = [name for name, kind in _layers(model).items() if _is_selected(name, kind, layers) and name != output]
    computed = [name for name in names if name not in known]
    if computed:
        raise UsageError(
            f"layers: the weight of {', '.join(computed)} is computed from other parameters, for example by "
            "weight_norm, spectral_norm or torch.nn.utils.prune. Make it an ordinary parameter "
            "(torch.nn.utils.parametrize.remove_parametrizations, torch.nn.utils.prune.remove), or exclude it: "
            f"'layers.exclude=[{','.join(computed)}]'."
        )
    if not names:
        raise UsageError(
            f"layers.include={layers.include} layers.exclude={layers.exclude} layers.kinds={layers.kinds}: "
            f"selects no layer{' except the last, whose outputs are the classes' if channels else ''}. {_listed(known)}"
        )
    first = first_names(model)
    roles = ("weight", "bias") if layers.biases or channels else ("weight",)
    parameters = (first.get(parameter_of(name, role)) for name in names for role in roles)
    return tuple(dict.fromkeys(name for name in parameters if name is not None))


def maskable(model: nn.Module) -> tuple[str, ...]:
    """Return the weights and biases of all prunable layers in the order of the network, each once."""
    first = first_names(model)
    parameters = (first.get(parameter_of(name, role)) for name in prunable(model) for role in ("weight", "bias"))
    return tuple(dict.fromkeys(name for name in parameters if name is not None))


def masked_parameters(model: nn.Module, layers: Layers, settings: Pruning, executed: Sequence[str]) -> tuple[str, ...]:
    """Return the parameters of which the final network of a run with these settings has masks."""
    if settings.cleanup != "none":
        return maskable(model)
    return select(model, layers, output=output_layer(model, executed) if settings.structure == "channel" else None)


def _is_selected(name: str, kind: str, layers: Layers) -> bool:
    return kind in layers.kinds and _matches(name, layers.include) and not _matches(name, layers.exclude)


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _listed(known: dict[str, str]) -> str:
    return f"The prunable layers are {', '.join(f'{name} ({kind})' for name, kind in known.items()) or 'none'}."
