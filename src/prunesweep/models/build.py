"""The networks: each a dataclass of its settings that builds a plain `torch.nn.Module`.

A built network maps images `[n, channels, height, width]` to logits `[n, classes]`. Pooling stands before ReLU:
the two commute, and the pooled map has a quarter of the values.
"""

from __future__ import annotations

import torch
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.models.settings import Shape


def check_fits(model: nn.Module, name: str, shape: Shape, classes: int) -> None:
    """Raise `UsageError` unless `model` maps two images of `shape` to logits `[2, classes]`."""
    was_training = model.training
    try:
        with torch.inference_mode():
            logits = model.eval()(torch.zeros(2, *shape))
    except Exception as error:
        raise UsageError(
            f"model={name}: cannot take images of shape {list(shape)} ({type(error).__name__}: {error})."
        ) from error
    finally:
        model.train(was_training)
    expected, found = [2, classes], list(getattr(logits, "shape", [])) or type(logits).__name__
    if found != expected:
        raise UsageError(
            f"model={name}: the output for 2 images has shape {found}, but the data set has {classes} classes: "
            f"the shape must be {expected}."
        )
