"""A network whose pruned channels are really gone: an ordinary module, smaller on disk and faster on any hardware."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch_pruning
from safetensors.torch import save
from torch import Tensor, nn

from prunesweep.models.settings import Shape
from prunesweep.pruning.cost import cost
from prunesweep.pruning.selection import prunable

REPEATS = 20
TOLERANCE = 1e-4  # of the logits; sums over fewer terms round differently


class NotCompactable(ArithmeticError):
    """The network computes something else without its pruned channels."""


@dataclass(frozen=True)
class Compact:
    """A compact network next to the dense one, both without masks.

    Attributes:
        params: parameters of the compact network, weights and biases.
        macs: its multiply-adds for one image.
        file_bytes: its weights as safetensors; `dense_file_bytes` those of the dense network.
        latency_ms: median milliseconds for one image, `latency_ms_256` for 256; on this machine, by the CPU.
    """

    params: int
    macs: int
    file_bytes: int
    dense_file_bytes: int
    latency_ms: float
    dense_latency_ms: float
    latency_ms_256: float
    dense_latency_ms_256: float


def compact(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> nn.Module:
    """`model` without the output channels and neurons that `masks` prunes whole, and without what they fed.

    Args:
        model: on the CPU, its pruned weights exactly zero; left as it is.
        masks: parameter name -> boolean mask, on the CPU.
        shape: channels, height and width of an image.

    Returns:
        An ordinary module with the same layer names, and the same outputs but for rounding.

    Raises:
        NotCompactable: its outputs differ, because what follows a channel does not map zero to zero.
    """
    small = copy.deepcopy(model).eval()
    graph = torch_pruning.DependencyGraph().build_dependency(small, torch.zeros(1, *shape))
    for name, kind in list(prunable(small).items()):
        removed = _gone(name, masks)
        if removed:
            out = torch_pruning.prune_conv_out_channels if kind == "conv" else torch_pruning.prune_linear_out_channels
            graph.get_pruning_group(small.get_submodule(name), out, idxs=removed).prune()
    images = torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        difference = float((small(images) - copy.deepcopy(model).eval()(images)).abs().max())
    if not difference <= TOLERANCE:
        raise NotCompactable(f"the compact network's outputs differ by up to {difference:g}")
    return small


def _gone(layer: str, masks: Mapping[str, Tensor]) -> list[int]:
    """The output channels of `layer` of which nothing is left."""
    weight, bias = masks.get(f"{layer}.weight"), masks.get(f"{layer}.bias")
    if weight is None:
        return []
    left = weight.flatten(1).any(1)
    if bias is not None:
        left = left | bias
    return [int(channel) for channel in (~left).nonzero().flatten()]


def beside_dense(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> Compact:
    """What the compact form of `model` costs, next to `model` itself computed densely."""
    small = compact(model, masks, shape)
    spent = cost(small, {}, (), shape)
    return Compact(
        params=spent.params_total,
        macs=spent.macs_total,
        file_bytes=file_bytes(small),
        dense_file_bytes=file_bytes(model),
        latency_ms=latency_ms(small, shape, 1),
        dense_latency_ms=latency_ms(model, shape, 1),
        latency_ms_256=latency_ms(small, shape, 256),
        dense_latency_ms_256=latency_ms(model, shape, 256),
    )


def file_bytes(model: nn.Module) -> int:
    """The size of the model's weights as a safetensors file."""
    return len(
        save({name: value.clone(memory_format=torch.contiguous_format) for name, value in model.state_dict().items()})
    )


def latency_ms(model: nn.Module, shape: Shape, batch: int) -> float:
    """The median time in milliseconds that `model` takes for `batch` images, on the CPU, after one to warm up."""
    model.eval()
    images = torch.zeros(batch, *shape).contiguous(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        model(images)
        for _ in range(REPEATS):
            started = time.perf_counter()
            model(images)
            times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)
