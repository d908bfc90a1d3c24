"""The networks: each a dataclass of its settings that builds a plain `torch.nn.Module`.

A built network maps images `[n, channels, height, width]` to logits `[n, classes]`. Pooling stands before ReLU:
the two commute, and the pooled map has a quarter of the values.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunesweep.code.locate import locate, source_of
from prunesweep.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]
"""Channels, height and width of one image."""


@dataclass
class Model(ABC):
    """The settings of a network."""

    name: str

    @abstractmethod
    def build(self, shape: Shape, classes: int) -> nn.Module:
        """A freshly initialised network for images of `shape`. Draws from torch's global random state."""

    def source(self) -> str:
        """The source text that defines the network: part of what its results depend on."""
        return inspect.getsource(type(self))


def _after_two_blocks(size: int, kernel: int, padding: int) -> int:
    """The side of a feature map after convolution (the first padded), pooling, convolution, pooling."""
    return ((size + 2 * padding - kernel + 1) // 2 - kernel + 1) // 2


@dataclass
class LeNet5(Model):
    """LeNet-5 with ReLU and max-pooling: conv1 6, conv2 16 (5x5), fc1 120, fc2 84, fc3.

    61,706 parameters on 28x28 grey images, which are padded to the 32x32 of the original by the first convolution.
    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition" (1998), fig. 2.
    """

    name: str = "lenet5"

    def build(self, shape: Shape, classes: int) -> nn.Module:
        from torch import nn

        channels, height, width = shape
        padding = 2 if min(height, width) < 32 else 0
        features = 16 * _after_two_blocks(height, 5, padding) * _after_two_blocks(width, 5, padding)
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, 6, 5, padding=padding),
                pool1=nn.MaxPool2d(2),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(6, 16, 5),
                pool2=nn.MaxPool2d(2),
                relu2=nn.ReLU(),
                flatten=nn.Flatten(),
                fc1=nn.Linear(features, 120),
                relu3=nn.ReLU(),
                fc2=nn.Linear(120, 84),
                relu4=nn.ReLU(),
                fc3=nn.Linear(84, classes),
            )
        )


@dataclass
class LeNet5Caffe(Model):
    """Caffe's LeNet, the "LeNet-5" of most pruning papers: conv1 20, conv2 50 (5x5), fc1 500, fc2.

    431,080 parameters on 28x28 grey images. The original has no ReLU after its convolutions; GSM and others add it.
    Source: Caffe, examples/mnist/lenet.prototxt; Han et al., "Learning both weights and connections" (2015), table 4.
    """

    name: str = "lenet5_caffe"
    conv_relu: bool = False

    def build(self, shape: Shape, classes: int) -> nn.Module:
        from torch import nn

        channels, height, width = shape
        features = 50 * _after_two_blocks(height, 5, 0) * _after_two_blocks(width, 5, 0)
        after_pool = nn.ReLU if self.conv_relu else nn.Identity
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, 20, 5),
                pool1=nn.MaxPool2d(2),
                act1=after_pool(),
                conv2=nn.Conv2d(20, 50, 5),
                pool2=nn.MaxPool2d(2),
                act2=after_pool(),
                flatten=nn.Flatten(),
                fc1=nn.Linear(features, 500),
                relu3=nn.ReLU(),
                fc2=nn.Linear(500, classes),
            )
        )


@dataclass
class LeNet300100(Model):
    """LeNet-300-100: two hidden layers of 300 and 100 neurons.

    266,610 parameters on 28x28 grey images.
    Source: LeCun et al. (1998), section III.C.4; with ReLU as in Han et al. (2015).
    """

    name: str = "lenet_300_100"

    def build(self, shape: Shape, classes: int) -> nn.Module:
        from torch import nn

        channels, height, width = shape
        return nn.Sequential(
            OrderedDict(
                flatten=nn.Flatten(),
                fc1=nn.Linear(channels * height * width, 300),
                relu1=nn.ReLU(),
                fc2=nn.Linear(300, 100),
                relu2=nn.ReLU(),
                fc3=nn.Linear(100, classes),
            )
        )


@dataclass
class ConvLeNet(Model):
    """The four-convolution LeNet of the founding article: 3x3 convolutions, one pooling, one linear layer.

    conv1 -> ReLU -> conv2 -> ReLU -> max-pool 2 -> conv3 -> ReLU -> conv4 -> ReLU -> fc, on images padded to 32x32.
    159,538 parameters on one channel and 159,970 on three.
    """

    name: str = "conv_lenet"
    widths: list[int] = field(default_factory=lambda: [24, 24, 48, 48])

    def __post_init__(self) -> None:
        if len(self.widths) != 4 or min(self.widths) < 1:
            raise UsageError(f"model.widths={self.widths}: must be four positive numbers of channels.")

    def build(self, shape: Shape, classes: int) -> nn.Module:
        from torch import nn

        channels, height, width = shape
        vertical, horizontal = (max(0, (32 - size) // 2) for size in (height, width))
        features = self.widths[3] * ((height + 2 * vertical) // 2) * ((width + 2 * horizontal) // 2)
        a, b, c, d = self.widths
        return nn.Sequential(
            OrderedDict(
                pad=nn.ZeroPad2d((horizontal, horizontal, vertical, vertical)),
                conv1=nn.Conv2d(channels, a, 3, padding=1),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(a, b, 3, padding=1),
                pool=nn.MaxPool2d(2),
                relu2=nn.ReLU(),
                conv3=nn.Conv2d(b, c, 3, padding=1),
                relu3=nn.ReLU(),
                conv4=nn.Conv2d(c, d, 3, padding=1),
                relu4=nn.ReLU(),
                flatten=nn.Flatten(),
                fc=nn.Linear(features, classes),
            )
        )


@dataclass
class CustomModel(Model):
    """A network of the user's own: `target` is called with `kwargs` and must return a module.

    Its logits must be of shape `[n, classes]` for images of the data set's shape.
    """

    name: str = "custom"
    target: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.target:
            raise UsageError(
                "model.target: model=custom needs the import path of a network: model.target=my_package.Net"
            )

    def build(self, shape: Shape, classes: int) -> nn.Module:  # noqa: ARG002  the user's network knows its own shapes
        from torch import nn

        target = locate("model.target", self.target)
        try:
            model = target(**self.kwargs)
        except Exception as error:
            raise UsageError(
                f"model.target={self.target}: cannot be built with model.kwargs={self.kwargs} "
                f"({type(error).__name__}: {error})."
            ) from error
        if not isinstance(model, nn.Module):
            raise UsageError(f"model.target={self.target}: returned {type(model).__name__}, not a torch.nn.Module.")
        return model

    def source(self) -> str:
        return source_of("model.target", self.target)


MODELS: tuple[type[Model], ...] = (LeNet5, LeNet5Caffe, LeNet300100, ConvLeNet, CustomModel)
