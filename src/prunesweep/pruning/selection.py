"""Select the parameters to prune: layers by name and kind."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import nn

from prunesweep.errors import UsageError, suggestion
from prunesweep.pruning.settings import Layers

TYPES: dict[str, tuple[type[nn.Module], ...]] = {"conv": (nn.Conv1d, nn.Conv2d, nn.Conv3d), "fc": (nn.Linear,)}
"""Kind -> the types of its layers."""


def prunable(model: nn.Module) -> dict[str, str]:
    """Return name -> kind (`conv` or `fc`) of each layer that can be pruned, in the order of the network."""
    return {
        name: kind
        for name, module in model.named_modules()
        for kind, types in TYPES.items()
        if isinstance(module, types)
    }


def select(model: nn.Module, layers: Layers, *, channels: bool = False) -> tuple[str, ...]:
    """Return the selected parameters (`conv1.weight`) in the order of the network.

    If whole channels are pruned, their biases are selected with them, and the last layer is not selected: its channels
    are the classes.

    Raises:
        UsageError: A pattern matches no prunable layer, or no layer is selected. The message lists the layers.
    """
    known = prunable(model)
    for key, patterns in (("include", layers.include), ("exclude", layers.exclude)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise UsageError(
                    f"layers.{key}=[{pattern}]: matches no layer. {_listed(known)}{suggestion(pattern, known)}"
                )
    names = [
        name
        for name, kind in known.items()
        if kind in layers.kinds and _matches(name, layers.include) and not _matches(name, layers.exclude)
    ]
    if channels and names and names[-1] == list(known)[-1]:
        names.pop()
    if not names:
        raise UsageError(
            f"layers.include={layers.include} layers.exclude={layers.exclude} layers.kinds={layers.kinds}: "
            f"selects no layer{' except the last, whose outputs are the classes' if channels else ''}. {_listed(known)}"
        )
    parameters = dict(model.named_parameters())
    roles = ("weight", "bias") if layers.biases or channels else ("weight",)
    return tuple(f"{name}.{role}" for name in names for role in roles if f"{name}.{role}" in parameters)


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _listed(known: dict[str, str]) -> str:
    return f"The prunable layers are {', '.join(f'{name} ({kind})' for name, kind in known.items()) or 'none'}."
