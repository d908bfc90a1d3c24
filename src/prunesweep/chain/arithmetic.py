"""A self-test that identifies the arithmetic of this process.

Libraries choose their kernels by the processor, by environment variables and by their own settings. Instead of keeping
a list of all of these, a few small computations are hashed: if their bits differ, the bits of a run differ too.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import conv2d, cross_entropy, linear, max_pool2d

from prunesweep.chain.seeding import generator_of

PRODUCTS = ((128, 784, 300), (128, 400, 120), (128, 84, 10), (250, 784, 300))
"""Batch, inputs and outputs of the linear layers that are tested: those of the LeNets."""


@lru_cache(maxsize=8)
def arithmetic(threads: int) -> str:
    """Return a hash of the results of small convolutions and matrix products on the CPU, forward and backward.

    Args:
        threads: The number of threads that torch uses now. Each number is tested once for each process.
    """
    generator, result = generator_of(0), hashlib.sha256(str(threads).encode())

    def add(*tensors: Tensor) -> None:
        for tensor in tensors:
            result.update(tensor.detach().contiguous().numpy().tobytes())

    with torch.enable_grad():
        images = torch.randn(16, 1, 28, 28, generator=generator).to(memory_format=torch.channels_last)
        first = torch.randn(6, 1, 5, 5, generator=generator, requires_grad=True)
        second = torch.randn(16, 6, 5, 5, generator=generator, requires_grad=True)
        maps = conv2d(max_pool2d(conv2d(images, first, padding=2), 2), second)
        maps.square().mean().backward()
        assert first.grad is not None
        assert second.grad is not None
        add(maps, first.grad, second.grad)
        for batch, inputs, outputs in PRODUCTS:
            x = torch.randn(batch, inputs, generator=generator)
            weight = torch.randn(outputs, inputs, generator=generator, requires_grad=True)
            logits = linear(x, weight)
            cross_entropy(logits, torch.arange(batch) % outputs).backward()
            assert weight.grad is not None
            add(logits, weight.grad)
    return result.hexdigest()
