"""The random weights with which a network starts: `model.init`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn
from torch.nn import init
from torch.nn.modules.conv import _ConvNd

INITIALIZATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "lecun_normal": partial(init.kaiming_normal_, nonlinearity="linear"),
    "lecun_uniform": partial(init.kaiming_uniform_, nonlinearity="linear"),
    "glorot_normal": init.xavier_normal_,
    "glorot_uniform": init.xavier_uniform_,
    "he_normal": partial(init.kaiming_normal_, nonlinearity="relu"),
    "he_uniform": partial(init.kaiming_uniform_, nonlinearity="relu"),
}
"""Name -> the function that draws a weight in place."""


def initialize(network: nn.Module, name: str) -> None:
    """Draw the weights of all convolutions and linear layers again, and set their biases to zero.

    Weights that are computed from other parameters, as by weight_norm, stay as they are, and so do all other layers.
    Draws from torch's global random state.

    The variance of a weight is, by name:

    - `lecun`: 1 / inputs of a unit. Caffe's `xavier` is `lecun_uniform`. Source: LeCun, Bottou, Orr, Müller, "Efficient
      backprop" (1998), equation 16.
    - `glorot`: 2 / (inputs + outputs), torch's `xavier`. Source: Glorot, Bengio, "Understanding the difficulty of
      training deep feedforward neural networks" (2010), equations 12 and 16.
    - `he`: 2 / inputs, torch's `kaiming`. Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (2015),
      equation 10.

    Args:
        network: The network.
        name: A key of `INITIALIZATIONS`.
    """
    for layer in network.modules():
        if isinstance(layer, _ConvNd | nn.Linear) and "weight" in layer._parameters:
            INITIALIZATIONS[name](layer.weight)
            if layer.bias is not None:
                init.zeros_(layer.bias)
