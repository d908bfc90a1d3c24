"""Count how often each weight is multiplied for one image.

Operations are observed instead of modules. Layers that are used twice, weights that two layers share, and
functional calls such as `F.linear(x, self.fc.weight)` are therefore counted correctly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from prunesweep.models.settings import Shape

aten = torch.ops.aten
CONVOLUTIONS = (aten.convolution.default, aten._convolution.default)
PRODUCTS = {aten.mm.default: 0, aten.addmm.default: 1, aten.bmm.default: 0, aten.baddbmm.default: 1}
"""Matrix product -> position of its first matrix."""


class _Multiplications(TorchDispatchMode):
    """Counts the multiplications of each weight of convolutions and matrix products.

    Attributes:
        counts: Parameter -> how often each of its values is multiplied.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts = dict.fromkeys(parameters, 0)
        self._names = {value.untyped_storage().data_ptr(): name for name, value in parameters.items() if value.numel()}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in CONVOLUTIONS:
            # A weight is multiplied once for each output position, of a transposed convolution for each input position.
            positions = (args[0] if args[6] else result).shape
            self._add(args[1], positions[0] * positions[2:].numel())
        elif function in PRODUCTS:
            first, second = args[PRODUCTS[function] :][:2]
            self._add(second, first.shape[-2])
            self._add(first, second.shape[-1])
        return result

    def _add(self, operand: Tensor, times: int) -> None:
        name = self._names.get(operand.untyped_storage().data_ptr())
        if name is not None:
            self.counts[name] += times


def multiplications(model: nn.Module, shape: Shape) -> dict[str, int]:
    """Return parameter name -> how often each of its values is multiplied for one image of `shape`.

    Args:
        model: The network, on the CPU. It is not modified and runs in evaluation mode.
        shape: Channels, height and width of an image.
    """
    was_training = model.training
    counter = _Multiplications(dict(model.named_parameters()))
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad(), counter:
            model.eval()(torch.zeros(1, *shape))
    finally:
        model.train(was_training)
    return counter.counts
