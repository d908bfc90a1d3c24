"""Train a pruned network without computing its pruned channels."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from prunesweep.models.settings import Shape
from prunesweep.models.tensors import own_tensors
from prunesweep.pruning.compact import NotCompactable, compact_with_positions, has_pruned_channels


@contextmanager
def without_channels(model: nn.Module, masks: Mapping[str, Tensor], shape: Shape) -> Iterator[None]:
    """Within this context, `model` computes its outputs without the channels that `masks` prune completely.

    Outputs and gradients are the same up to rounding. The parameters of `model` stay whole, so that nothing changes for
    optimizers and hooks; the gradients of what is left out are zero. A network from which no channel can be removed
    computes as before.

    Args:
        model: The network. Pruned weights are exactly zero.
        masks: Parameter name -> boolean mask. They hold during the whole context.
        shape: Channels, height and width of an image.
    """
    try:
        if not has_pruned_channels(model, masks):
            raise NotCompactable("all channels are in use")
        on_cpu = {name: mask.cpu() for name, mask in masks.items()}
        small, positions = compact_with_positions(copy.deepcopy(model).cpu(), on_cpu, shape)
    except NotCompactable:
        yield
        return
    device = next(model.parameters()).device
    small.to(device)
    parts = {name: _Part(each, positions[name].to(device)) for name, each in model.named_parameters()}

    def forward(images: Tensor) -> Tensor:
        small.train(model.training)
        return functional_call(small, {name: part.taken() for name, part in parts.items()}, (images,))  # type: ignore[no-any-return]

    whole = model.forward
    model.forward = forward
    try:
        yield
    finally:
        model.forward = whole
        _put_back(dict(small.named_buffers()), own_tensors(model), positions)


class _Part:
    """Some rows and columns of a parameter, seen as a matrix: output channels or neurons, and what they read."""

    def __init__(self, parameter: nn.Parameter, positions: Tensor) -> None:
        """Keep what `taken` needs.

        Args:
            parameter: The parameter.
            positions: Positions in the flattened parameter, in the shape of the part.
        """
        # The order of the memory, in which the parameter is a matrix without a copy.
        self._order = (0, 2, 3, 1) if parameter.dim() == 4 else tuple(range(parameter.dim()))
        self._back = tuple(sorted(range(len(self._order)), key=self._order.__getitem__))
        self._parameter, self._shape = parameter, positions.permute(self._order).shape
        numbers = torch.arange(parameter.numel(), device=parameter.device).view(parameter.shape)
        in_matrix = torch.empty_like(numbers).view(-1)
        in_matrix[self._matrix(numbers).flatten()] = numbers.flatten()
        part = self._matrix(in_matrix[positions])
        height, width = self._matrix(numbers).shape
        self._rows = None if len(part) == height else part[:, 0] // width
        self._columns = None if part.shape[1] == width else part[0] % width

    def taken(self) -> Tensor:
        """Return the values. Gradients flow back to the parameter."""
        values = self._matrix(self._parameter)
        for dim, chosen in enumerate((self._rows, self._columns)):
            values = values if chosen is None else values.index_select(dim, chosen)
        return values.view(self._shape).permute(self._back)

    def _matrix(self, tensor: Tensor) -> Tensor:
        return tensor.permute(self._order).reshape(len(tensor) if tensor.dim() else 1, -1)


def _put_back(buffers: Mapping[str, Tensor], into: Mapping[str, Tensor], positions: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, buffer in buffers.items():
            if name in positions:
                values = into[name].flatten()  # a copy where the layout is not contiguous
                values[positions[name].to(buffer.device)] = buffer
                into[name].copy_(values.view(into[name].shape))
