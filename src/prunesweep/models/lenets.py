"""Build the LeNets.

Each network maps images `[n, channels, height, width]` to logits `[n, classes]`. Pooling precedes ReLU: the two
commute, and the pooled map has a quarter of the values.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from prunesweep.errors import UsageError
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model, Shape


def lenet5(settings: LeNet5, shape: Shape, classes: int) -> nn.Module:
    """Build LeNet-5."""
    channels, height, width = shape
    padding = 2 if min(height, width) < 32 else 0
    features = 16 * _area(settings, shape, padding)
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


def lenet5_caffe(settings: LeNet5Caffe, shape: Shape, classes: int) -> nn.Module:
    """Build Caffe's LeNet."""
    channels = shape[0]
    features = 50 * _area(settings, shape, 0)
    after_pool = nn.ReLU if settings.conv_relu else nn.Identity
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


def lenet_300_100(settings: LeNet300100, shape: Shape, classes: int) -> nn.Module:  # noqa: ARG001
    """Build LeNet-300-100."""
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


def conv_lenet(settings: ConvLeNet, shape: Shape, classes: int) -> nn.Module:
    """Build the four-convolution LeNet of the founding article."""
    channels, height, width = shape
    vertical, horizontal = (max(0, (32 - size) // 2) for size in (height, width))
    features = settings.widths[3] * ((height + 2 * vertical) // 2) * ((width + 2 * horizontal) // 2)
    a, b, c, d = settings.widths
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


def _area(settings: Model, shape: Shape, padding: int) -> int:
    """Return the size of the feature maps after 5x5 convolution (the first padded), pooling, convolution, pooling.

    Raises:
        UsageError: The images are too small.
    """
    height, width = (((size + 2 * padding - 4) // 2 - 4) // 2 for size in shape[1:])
    if min(height, width) < 1:
        raise UsageError(
            f"model={settings.name}: images of {shape[1]}x{shape[2]} pixels are too small. Its convolutions need "
            f"at least {16 - 2 * padding}x{16 - 2 * padding}. Use model=lenet_300_100 or conv_lenet, or larger images."
        )
    return height * width
