"""The size of the inputs that weights multiply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from prunesweep.data.datasets import Split
from prunesweep.models.tensors import layer_of, layers_of


def input_norms(model: nn.Module, names: Sequence[str], batches: Iterable[Split]) -> dict[str, Tensor]:
    """Return parameter name -> the L2 norm of the input that each of its entries multiplies, in the parameter's shape.

    The norm runs over all examples, and over all places at which the layer applies the weight: for a convolution, these
    are the positions of its kernel. The input of a bias is 1.

    A layer is linear in its weights. Therefore the derivative of the sum of the outputs that it computes from squared
    inputs, with respect to a weight, is the sum of the squares of the inputs of this weight, whatever the stride, the
    padding or the groups.

    Args:
        model: The network, in evaluation mode. It is not modified.
        names: Parameters of linear layers and convolutions that the forward pass calls, such as `conv1.weight`.
        batches: The examples.
    """
    modules, parameters = layers_of(model), dict(model.named_parameters())
    layers = [modules[layer] for layer in dict.fromkeys(map(layer_of, names))]
    values = [parameters[name] for name in names]
    sums = [torch.zeros_like(value) for value in values]
    for batch in batches:
        with torch.no_grad(), _recorded(layers) as calls:
            model(batch.images.clone())
        with torch.enable_grad():
            outputs = [layer(inputs.square()).sum() for layer, inputs in calls]
            for total, squares in zip(sums, torch.autograd.grad(sum(outputs), values), strict=True):
                total += squares
    return {name: total.sqrt() for name, total in zip(names, sums, strict=True)}


@contextmanager
def _recorded(layers: Sequence[nn.Module]) -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """Yield a list of each call of `layers` within the context, with its input."""
    calls: list[tuple[nn.Module, Tensor]] = []

    def record(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls.append((layer, inputs[0].clone()))  # a later module may change it in place

    handles = [layer.register_forward_pre_hook(record) for layer in layers]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
