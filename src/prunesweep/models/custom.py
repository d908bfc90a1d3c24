"""Build a network of the user's own."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from prunesweep.code.locate import locate
from prunesweep.errors import UsageError
from prunesweep.models.settings import CustomModel, Shape


def custom(settings: CustomModel, shape: Shape, classes: int) -> nn.Module:  # noqa: ARG001
    """Call the user's class or function. The network itself determines which images it accepts.

    Lazy layers get their shapes from an image of zeros, and their weights from torch's global random state.

    Raises:
        UsageError: The target cannot be imported, the call fails, or its result is not a module.
    """
    target = locate("model.target", settings.target)
    try:
        model = target(**settings.kwargs)
    except Exception as error:  # the user's code may raise anything
        raise UsageError(
            f"model.target={settings.target}: cannot be built with model.kwargs={settings.kwargs} "
            f"({type(error).__name__}: {error})."
        ) from error
    if not isinstance(model, nn.Module):
        raise UsageError(f"model.target={settings.target}: returned {type(model).__name__}, not a torch.nn.Module.")
    if any(is_lazy(parameter) for parameter in model.parameters()):
        _initialize(settings, model, shape)
    return model


def _initialize(settings: CustomModel, model: nn.Module, shape: Shape) -> None:
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *shape))
    except Exception as error:
        raise UsageError(
            f"model.target={settings.target}: its lazy layers cannot be initialized with an image of shape "
            f"{list(shape)} ({type(error).__name__}: {error})."
        ) from error
    model.train()
