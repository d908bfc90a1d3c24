"""Layers fused to stages, each of which one C function computes, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from prunesweep.export.c.graph import NotSupported
from prunesweep.export.c.layers import (
    Activation,
    Conv,
    Head,
    Layer,
    Linear,
    Padding,
    Pool,
    Scale,
    Shape,
    scaled,
    scaling,
)

Tail = tuple[Pool | Activation, ...]


@dataclass(frozen=True)
class Stage:
    """A convolution or linear layer, and what follows it in each channel.

    Attributes:
        head: The layer.
        tail: Pooling and activations, in this order.
        input_shape: The shape of the input, without the padding of the head.
    """

    head: Head
    tail: Tail
    input_shape: Shape

    @property
    def head_shape(self) -> Shape:
        """The shape of the result of the head."""
        outputs = len(self.head.weight)
        if isinstance(self.head, Linear):
            return outputs, 1, 1
        return outputs, *self.head.output_size(*self.input_shape[1:])

    @property
    def output_shape(self) -> Shape:
        """The shape of the result of the stage."""
        channels, height, width = self.head_shape
        for step in self.tail:
            if isinstance(step, Pool):
                height, width = step.size
        return channels, height, width

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """The zeros around the input: (top, bottom, left, right)."""
        return self.head.padding if isinstance(self.head, Conv) else (0, 0, 0, 0)

    @property
    def padded_shape(self) -> Shape:
        """The shape of the input with its padding."""
        channels, height, width = self.input_shape
        top, bottom, left, right = self.padding
        return channels, height + top + bottom, width + left + right


def build_stages(layers: Iterable[Layer], shape: Shape, pixels: Scale) -> list[Stage]:
    """Return the stages of a network.

    Args:
        layers: The layers in the order in which they run.
        shape: Channels, height and width of an image.
        pixels: The normalization of pixel values.

    Raises:
        NotSupported: Zero padding is not followed by a convolution.
    """
    return _without_scales(fuse(layers, Stage(each_channel(pixels), (), shape)))


def fuse(layers: Iterable[Layer], first: Stage) -> list[Stage]:
    """Return `first` and the stages of the layers that follow it.

    Raises:
        NotSupported: Zero padding is not followed by a convolution.
    """
    stages = [first]
    for layer in _with_merged_padding(layers):
        last = stages[-1]
        if isinstance(layer, Scale) and not last.tail and len(layer.factor) == len(last.head.weight):
            stages[-1] = replace(last, head=scaled(last.head, layer))
        elif isinstance(layer, Pool | Activation):
            stages[-1] = replace(last, tail=(*last.tail, layer))
        else:
            head = each_channel(layer) if isinstance(layer, Scale) else layer
            before = last.output_shape
            vector = isinstance(head, Linear) or head.weight.shape[1] != before[0]
            stages.append(Stage(head, (), (int(np.prod(before)), 1, 1) if vector else before))
    return [replace(stage, tail=pooling_first(stage.tail)) for stage in stages]


def each_channel(scale: Scale) -> Conv:
    """Return `scale` as a convolution of one value in each channel."""
    weight = np.diag(scale.factor)[:, :, None, None]
    return Conv(scale.name, weight, np.eye(len(weight), dtype=bool)[:, :, None, None], scale.summand)


def _is_scale(head: Head) -> bool:
    return (
        isinstance(head, Conv)
        and head.connected.shape[2:] == (1, 1)
        and head.stride == (1, 1)
        and np.array_equal(head.connected[:, :, 0, 0], np.eye(*head.connected.shape[:2], dtype=bool))
    )


def _with_merged_padding(layers: Iterable[Layer]) -> Iterable[Conv | Linear | Scale | Pool | Activation]:
    """Yield the layers, with zero padding as a part of the convolution that follows it."""
    waiting: Padding | None = None
    for layer in layers:
        if isinstance(layer, Padding):
            sides = waiting.padding if waiting else (0, 0, 0, 0)
            waiting = Padding(layer.name, _sum(sides, layer.padding))
        elif waiting is None:
            yield layer
        elif isinstance(layer, Conv):
            yield replace(layer, padding=_sum(waiting.padding, layer.padding))
            waiting = None
        else:
            break
    if waiting is not None:
        raise NotSupported(waiting.name, "zero padding that is not followed by a convolution")


def _sum(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    top, bottom, left, right = (one + other for one, other in zip(first, second, strict=True))
    return top, bottom, left, right


def _without_scales(stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages with each stage that only scales its input as a part of the next one, where this is possible.

    The border of a padded convolution is zero after the scaling, so that the scaling cannot move behind the padding.
    """
    result: list[Stage] = []
    for stage in stages:
        before = result[-1] if result else None
        if before and not before.tail and _is_scale(before.head) and not any(stage.padding):
            assert isinstance(before.head, Conv)
            places = before.input_shape[1] * before.input_shape[2] if stage.input_shape[1:] == (1, 1) else 1
            factor = before.head.weight.diagonal()[0, 0]
            scale = Scale(before.head.name, factor, before.head.bias)
            if isinstance(stage.head, Linear) or places == 1:
                result[-1] = replace(stage, head=scaling(stage.head, scale, places), input_shape=stage.input_shape)
                continue
        result.append(stage)
    return result


def pooling_first(tail: Tail) -> Tail:
    """Return `tail` with max pooling before activations: they never decrease, so the two commute."""
    steps = list(tail)
    for _ in steps:
        for index, (first, second) in enumerate(pairwise(steps)):
            if isinstance(first, Activation) and isinstance(second, Pool) and second.kind == "max":
                steps[index : index + 2] = [second, first]
    return tuple(steps)
