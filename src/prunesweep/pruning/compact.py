"""Remove pruned channels from a network: the result is an ordinary module, smaller on disk and faster everywhere."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch_pruning
from safetensors.torch import save
from torch import Tensor, nn

from prunesweep.models.settings import Shape
from prunesweep.models.tensors import layer_of, layers_of, own_tensors, parameter_of
from prunesweep.pruning.cost import cost
from prunesweep.pruning.selection import output_layer, prunable

REPEATS = 20
TOLERANCE = 1e-4  # of the logits: sums of fewer terms round differently
LARGEST_NUMBERED = 2**24  # float32 represents all integers up to here


class NotCompactable(ArithmeticError):
    """The pruned channels cannot be removed without changing what the network computes."""


@dataclass(frozen=True)
class Compact:
    """A compact network compared with the dense network, both without masks.

    Attributes:
        params: Parameters of the compact network, weights and biases.
        macs: Multiply-adds of the compact network for one image.
        file_bytes: Size of the compact network's weights as safetensors.
        dense_file_bytes: Size of the dense network's weights as safetensors.
        latency_ms: Median milliseconds of the compact network for one image, on the CPU of this machine.
        dense_latency_ms: The same of the dense network.
        latency_ms_256: Median milliseconds of the compact network for 256 images.
        dense_latency_ms_256: The same of the dense network.
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
    """Return `model` without the output channels and neurons that `masks` prune completely, and without their inputs.

    Args:
        model: The network, on the CPU, with pruned weights exactly zero. It is not modified.
        masks: Parameter name -> boolean mask, on the CPU.
        shape: Channels, height and width of an image.

    Returns:
        An ordinary module with the same layer names, and the same outputs up to rounding.

    Raises:
        NotCompactable: The outputs differ, because a layer after a pruned channel does not map zero to zero, or the
            network's graph cannot be traced.
    """
    return compact_with_positions(model, masks, shape)[0]


def compact_with_positions(
    model: nn.Module, masks: Mapping[str, Tensor], shape: Shape
) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return what `compact` does, and where the values come from.

    Returns:
        The compact network; name of a parameter or buffer -> the positions of its values in the flattened tensor of
        `model`, in the shape of the compact tensor.
    """
    dense = copy.deepcopy(model).eval()
    try:
        small = copy.deepcopy(dense)
        _number(small)
        _remove_channels(small, masks, shape)
        positions = {name: tensor.detach().clone().long() for name, tensor in own_tensors(small).items()}
        with torch.no_grad():
            for name, tensor in own_tensors(small).items():
                tensor.copy_(own_tensors(dense)[name].flatten()[positions[name]])
        images = torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            difference = float((small(images.clone()) - dense(images.clone())).abs().max())
    except Exception as error:  # torch-pruning and the user's own forward may raise anything
        raise NotCompactable(f"the network cannot be compacted ({type(error).__name__}: {error})") from error
    if not difference <= TOLERANCE:
        raise NotCompactable(f"the compact network's outputs differ by up to {difference:g}")
    return small, positions


def has_pruned_channels(model: nn.Module, masks: Mapping[str, Tensor]) -> bool:
    """Return whether `masks` prune a channel or neuron completely that a layer can lose."""
    return any(_pruned_channels(name, masks) for name in prunable(model))


def _number(model: nn.Module) -> None:
    """Set each value of each tensor of `model` to its position in the flattened tensor, so that it can be traced."""
    with torch.no_grad():
        for name, tensor in own_tensors(model).items():
            if tensor.numel() > LARGEST_NUMBERED:
                raise NotCompactable(f"{name} has more than {LARGEST_NUMBERED:,} values")
            tensor.copy_(torch.arange(tensor.numel()).view(tensor.shape))


def _remove_channels(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> None:
    graph = torch_pruning.DependencyGraph().build_dependency(model, torch.zeros(1, *shape))
    classes = _last_layer(model, shape)
    for name, kind in list(prunable(model).items()):
        removed = [] if name == classes else _pruned_channels(name, masks)
        if removed:
            out = torch_pruning.prune_conv_out_channels if kind == "conv" else torch_pruning.prune_linear_out_channels
            graph.get_pruning_group(layers_of(model)[name], out, idxs=removed).prune()


def _last_layer(model: nn.Module, shape: Shape) -> str:
    """Return the prunable layer that runs last. Its channels are the classes, which are never removed."""
    executed: list[str] = []
    modules = layers_of(model)
    handles = [
        modules[name].register_forward_hook(lambda *_, name=name: executed.append(name)) for name in prunable(model)
    ]
    with torch.inference_mode():
        model(torch.zeros(1, *shape))
    for handle in handles:
        handle.remove()
    return output_layer(model, executed)


def _pruned_channels(layer: str, masks: Mapping[str, Tensor]) -> list[int]:
    """Return the output channels of `layer` without a kept weight or bias; all but one if it has no others."""
    weight, bias = masks.get(parameter_of(layer, "weight")), masks.get(parameter_of(layer, "bias"))
    if weight is None:
        return []
    kept = weight.flatten(1).any(1)
    if bias is not None:
        kept = kept | bias
    removed = [int(channel) for channel in (~kept).nonzero().flatten()]
    return removed if kept.any() else removed[1:]  # no module has a layer without channels


def check_compactable(model: nn.Module, selected: Sequence[str], shape: Shape) -> None:
    """Try to remove the first channel of each selected layer of the untrained `model`.

    Not every failure shows before training: a BatchNorm whose bias is learned does not map zero to zero afterwards.

    Raises:
        NotCompactable: The channels of this network cannot be removed.
    """
    trial = copy.deepcopy(model)
    parameters = dict(trial.named_parameters())
    layers = {layer_of(name) for name in selected if len(parameters[parameter_of(layer_of(name), "weight")]) > 1}
    masks = {name: torch.ones_like(parameters[name], dtype=torch.bool) for name in selected if layer_of(name) in layers}
    with torch.no_grad():
        for name, mask in masks.items():
            mask[0] = False
            parameters[name][0] = 0
    compact(trial, masks, shape)


def compare_with_dense(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> Compact:
    """Measure the compact form of `model` and `model` itself, computed densely.

    Raises:
        NotCompactable: The pruned channels cannot be removed.
    """
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
    """Return the size of the model's weights as a safetensors file, in bytes."""
    return len(
        save({name: value.clone(memory_format=torch.contiguous_format) for name, value in model.state_dict().items()})
    )


def latency_ms(model: nn.Module, shape: Shape, batch: int) -> float:
    """Return the median milliseconds that `model` takes for `batch` images on the CPU, after one warm-up pass."""
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
