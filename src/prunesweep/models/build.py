"""Build the network that settings describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from prunesweep.models import lenets
from prunesweep.models.custom import custom
from prunesweep.models.initialization import INITIALIZATIONS, initialize
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
    network = BUILDERS[type(model)](model, shape, classes)
    if model.init in INITIALIZATIONS:
        initialize(network, model.init)
    return network
