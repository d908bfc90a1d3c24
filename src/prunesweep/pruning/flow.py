"""How much of an image of ones reaches the outputs through each weight. Needs no data and no labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LOG_SOFTMAX = (functional.log_softmax, torch.log_softmax, Tensor.log_softmax)


class _Logits(TorchFunctionMode):
    """Skip log-softmax: the sum of log-probabilities hardly depends on what flows into the outputs before it."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in LOG_SOFTMAX:
            return args[0] if args else (kwargs or {})["input"]
        return function(*args, **(kwargs or {}))


def flow(model: nn.Module, parameters: Mapping[str, Tensor], shape: tuple[int, int, int]) -> dict[str, Tensor]:
    """Return dR/dp for each parameter p, where R is the sum of the outputs for one image of ones, in float64.

    Multiplied by the parameters' absolute values, this is the synaptic flow (Tanaka et al. 2020, eq. 2).

    Args:
        model: The network. It is not modified and runs in evaluation mode.
        parameters: Name -> non-negative values that replace the model's own.
        shape: Channels, height and width of an image.
    """
    double = copy.deepcopy(model).double().eval()  # float32 overflows in wide networks and loses small flows
    values = {name: value.detach().double().requires_grad_() for name, value in parameters.items()}
    device = next(iter(values.values())).device
    image = torch.ones(1, *shape, dtype=torch.float64, device=device)
    with torch.enable_grad(), _Logits():
        total = functional_call(double, values, (image,)).sum()
        gradients = torch.autograd.grad(total, list(values.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(values, gradients, strict=True))
