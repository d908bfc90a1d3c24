"""Settings of the networks, one dataclass each. The functions that build the networks are in `build.py`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from prunesweep.errors import UsageError, check_choice

Shape = tuple[int, int, int]
"""Channels, height and width of one image."""

MAX_WEIGHTS = 2**31
"""The largest size in bytes of a file of weights."""

MAX_WIDTH = 4_096
"""The largest number of channels of a layer."""

DEFAULT_INIT = "default"
INITS = (
    DEFAULT_INIT,
    *("lecun_normal", "lecun_uniform", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform"),
)
"""The ways to draw the initial weights, see `prunesweep.models.initialization`."""


@dataclass
class Model:
    """Settings of a network.

    Attributes:
        weights: A file with trained weights to start from: `.safetensors`, or `.pt` and `.pth` with a state dict. None:
            a random initialization.
        init: How the random weights are drawn: `default`, as the network's own code does, or a name of
            `prunesweep.models.initialization`, by which all biases are zero.
    """

    name: str
    weights: str | None = None
    init: str = DEFAULT_INIT

    def __post_init__(self) -> None:
        check_choice("model.init", self.init, INITS)
        if self.weights and self.init != DEFAULT_INIT:
            raise UsageError(f"model.init={self.init}: model.weights gives the weights. Give one of the two.")

    def architecture(self) -> dict[str, Any]:
        """Return the settings of the network itself, without those of its initial weights."""
        return {key: value for key, value in asdict(self).items() if key not in ("weights", "init")}


@dataclass
class LeNet5(Model):
    """LeNet-5 with ReLU and max-pooling: conv1 6, conv2 16 (5x5), fc1 120, fc2 84, fc3.

    61,706 parameters on 28x28 grey images, which the first convolution pads to the 32x32 of the original.
    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition" (1998), fig. 2.
    """

    name: str = "lenet5"


@dataclass
class LeNet5Caffe(Model):
    """Caffe's LeNet, the "LeNet-5" of most pruning papers: conv1 20, conv2 50 (5x5), fc1 500, fc2.

    431,080 parameters on 28x28 grey images.
    Source: Caffe, examples/mnist/lenet.prototxt; Han et al., "Learning both weights and connections" (2015), table 4.

    Attributes:
        conv_relu: Whether a ReLU follows each convolution. The original has none; GSM and others add it.
    """

    name: str = "lenet5_caffe"
    conv_relu: bool = False


@dataclass
class LeNet300100(Model):
    """LeNet-300-100: two hidden layers of 300 and 100 neurons.

    266,610 parameters on 28x28 grey images.
    Source: LeCun et al. (1998), section III.C.4; with ReLU as in Han et al. (2015).
    """

    name: str = "lenet_300_100"


@dataclass
class ConvLeNet(Model):
    """The LeNet of the founding article: four 3x3 convolutions, one pooling and one linear layer.

    conv1 -> ReLU -> conv2 -> ReLU -> max-pool 2 -> conv3 -> ReLU -> conv4 -> ReLU -> fc, on images padded to 32x32.
    159,538 parameters on one channel and 159,970 on three.

    Attributes:
        widths: Output channels of the four convolutions.
    """

    name: str = "conv_lenet"
    widths: list[int] = field(default_factory=lambda: [24, 24, 48, 48])

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) != 4 or not all(1 <= width <= MAX_WIDTH for width in self.widths):
            raise UsageError(f"model.widths={self.widths}: must be four numbers of channels from 1 to {MAX_WIDTH:,}.")


@dataclass
class CustomModel(Model):
    """A network of the user's own.

    Attributes:
        target: Import path of a class or function that returns a `torch.nn.Module`. Its logits must have the shape
            `[n, classes]` for images of the dataset's shape.
        kwargs: Keyword arguments of the call.
    """

    name: str = "custom"
    target: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.target:
            raise UsageError(
                "model.target: model=custom needs the import path of a network, such as model.target=my_package.Net."
            )


MODELS: tuple[type[Model], ...] = (LeNet5, LeNet5Caffe, LeNet300100, ConvLeNet, CustomModel)
