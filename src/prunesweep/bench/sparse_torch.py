"""A network whose linear layers and convolutions multiply with torch's sparse tensors (compressed sparse rows)."""

from __future__ import annotations

import copy
import warnings

from torch import Tensor, nn
from torch.nn import functional

from prunesweep.errors import UsageError, printable


def sparse_copy(model: nn.Module) -> nn.Module:
    """Return a copy of `model` that computes the same with sparse weights.

    A convolution is a product of its weights with the windows of its input (`torch.nn.functional.unfold`): torch has no
    sparse convolution.

    Args:
        model: A network in evaluation mode, on the CPU.

    Raises:
        UsageError: The weights of a layer cannot be sparse. The message names it.
    """
    result = copy.deepcopy(model)
    for name, layer in list(result.named_modules()):
        replacement = _replacement(name, layer)
        if replacement is not None:
            parent, _, last = name.rpartition(".")
            setattr(result.get_submodule(parent), last, replacement)
    return result


def _replacement(name: str, layer: nn.Module) -> nn.Module | None:
    """Return the sparse form of a layer. None: it stays, because it does not have a matrix of weights of its own."""
    if type(layer) is nn.Linear and name:
        return SparseLinear(layer)
    if type(layer) is nn.Conv2d and name and layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
        return SparseConv(layer)
    if any(parameter.dim() > 1 for parameter in layer.parameters(recurse=False)):
        raise UsageError(f"{printable(name or 'the network')} ({type(layer).__name__}) cannot have sparse weights.")
    return None


def _csr(matrix: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        return matrix.detach().to_sparse_csr()


class SparseLinear(nn.Module):
    """A linear layer with sparse weights."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = _csr(layer.weight)  # [out, in]
        self.bias = layer.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `[n, out]` for `inputs` `[n, in]`."""
        outputs = (self.weight @ inputs.t()).t()
        return outputs if self.bias is None else outputs + self.bias


class SparseConv(nn.Module):
    """A convolution with sparse weights."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.weight = _csr(_connected(layer).flatten(1))  # [out, in * height * width]
        self.bias = layer.bias
        assert not isinstance(layer.padding, str)
        self.window = (layer.kernel_size, layer.dilation, layer.padding, layer.stride)

    def forward(self, images: Tensor) -> Tensor:
        """Return `[n, out, height, width]` for `images` `[n, in, height, width]`."""
        high, wide = (
            (length + 2 * padding - step * (kernel - 1) - 1) // stride + 1
            for length, kernel, step, padding, stride in zip(images.shape[2:], *self.window, strict=True)
        )
        windows = functional.unfold(images, *self.window)  # [n, in * k, places]
        columns = windows.transpose(0, 1).flatten(1)  # [in * k, n * places]
        outputs = (self.weight @ columns).view(-1, len(images), high, wide).transpose(0, 1)
        return outputs if self.bias is None else outputs + self.bias.view(-1, 1, 1)


def _connected(layer: nn.Conv2d) -> Tensor:
    """Return the weights `[out, in, height, width]`, zero where a group does not connect an input to an output."""
    weight = layer.weight.detach()
    full = weight.new_zeros(layer.out_channels, layer.in_channels, *layer.kernel_size)
    outputs, inputs = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    for group in range(layer.groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        full[rows, group * inputs : (group + 1) * inputs] = weight[rows]
    return full
