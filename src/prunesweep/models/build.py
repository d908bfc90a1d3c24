"""Build the network that settings describe, and check that it fits the images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.models import lenets
from prunesweep.models.custom import custom
from prunesweep.models.settings import ConvLeNet, CustomModel, LeNet5, LeNet5Caffe, LeNet300100, Model, Shape

BUILDERS: dict[type[Model], Callable[[Any, Shape, int], nn.Module]] = {
    LeNet5: lenets.lenet5,
    LeNet5Caffe: lenets.lenet5_caffe,
    LeNet300100: lenets.lenet_300_100,
    ConvLeNet: lenets.conv_lenet,
    CustomModel: custom,
}
"""Settings -> the function (settings, shape of an image, number of classes) that builds the network."""


def build(model: Model, shape: Shape, classes: int) -> nn.Module:
    """Return a newly initialized network on the CPU. Draws from torch's global random state."""
    return BUILDERS[type(model)](model, shape, classes)


def check_fits(network: nn.Module, name: str, shape: Shape, classes: int) -> None:
    """Raise `UsageError` unless `network` maps two images of `shape` to logits `[2, classes]`."""
    was_training = network.training
    try:
        with torch.inference_mode():
            logits = network.eval()(torch.zeros(2, *shape))
    except Exception as error:
        raise UsageError(
            f"model={name}: cannot process images of shape {list(shape)} ({type(error).__name__}: {error})."
        ) from error
    finally:
        network.train(was_training)
    expected, found = [2, classes], list(getattr(logits, "shape", [])) or type(logits).__name__
    if found != expected:
        raise UsageError(
            f"model={name}: the output for 2 images has shape {found}, but the dataset has {classes} classes: "
            f"the shape must be {expected}."
        )
