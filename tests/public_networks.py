"""Small networks for 28x28 digits, one for each common family of architectures."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def normalized(inputs: int, outputs: int, kernel: int, **options: int) -> nn.Sequential:
    """Return a convolution without bias, batch normalization and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, bias=False, **options)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class Head(nn.Module):
    """Features `[n, 8, height, width]` of a stem, a body, global average pooling and a linear layer."""

    def __init__(self, body: nn.Module, outputs: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 5, stride=3)
        self.body = body
        self.fc = nn.Linear(outputs, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(F.relu(self.stem(x))).mean(dim=(2, 3)))


class ChannelDropout(nn.Module):
    """Drops whole channels with a module, and single values with a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5)
        self.conv2 = nn.Conv2d(4, 8, 5)
        self.drop = nn.Dropout2d()
        self.fc = nn.Linear(8 * 4 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.drop(self.conv2(x)), 2)).view(-1, 8 * 4 * 4)
        return self.fc(F.dropout(x, training=self.training))


class ConvolutionalOutput(nn.Module):
    """A 1x1 convolution computes the classes, and pooling follows."""

    def __init__(self) -> None:
        super().__init__()
        self.features = normalized(1, 8, 5, stride=3)
        self.classifier = nn.Conv2d(8, 10, 1)
        self.pool = nn.AvgPool2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.classifier(self.features(x))).view(-1, 10)


class NetworkInNetwork(nn.Module):
    """Layers that are set by name in a loop."""

    def __init__(self) -> None:
        super().__init__()
        for index, (inputs, outputs, kernel) in enumerate(((1, 8, 5), (8, 8, 1), (8, 10, 1))):
            setattr(self, f"conv{index}", nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride=kernel), nn.ReLU()))

    def forward(self, x: Tensor) -> Tensor:
        for index in range(3):
            x = getattr(self, f"conv{index}")(x)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


class RectifiedOutput(nn.Module):
    """Ends with ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 24), nn.ReLU(), nn.Linear(24, 10), nn.ReLU(True))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class SpatialTransformer(nn.Module):
    """Moves its input by an affine map that it computes from it. The map starts as the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.localization = nn.Sequential(nn.Conv2d(1, 4, 7, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 6))
        self.conv = nn.Conv2d(1, 6, 5, stride=2)
        self.fc = nn.Linear(6 * 12 * 12, 10)
        last = self.localization[3]
        assert isinstance(last, nn.Linear)
        last.weight.data.zero_()
        last.bias.data.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, x: Tensor) -> Tensor:
        grid = F.affine_grid(self.localization(x).view(-1, 2, 3), list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, align_corners=False)
        return self.fc(F.relu(self.conv(x)).flatten(1))


class _SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.up(F.relu(self.down(x.mean(dim=(2, 3))))))
        return x * weights[:, :, None, None]


class SqueezeExcitation(Head):
    """Scales its channels by weights that it computes from all of them."""

    def __init__(self) -> None:
        super().__init__(_SqueezeExcite())


class _SpatialAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.conv(summary))


class SpatialAttention(Head):
    """Scales its pixels by weights that it computes from the mean and the maximum of the channels."""

    def __init__(self) -> None:
        super().__init__(_SpatialAttention())


class _Shuffle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(8, 8, 1, groups=2), nn.Conv2d(8, 8, 3, padding=1, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        n, channels, height, width = x.shape
        x = x.view(n, 2, channels // 2, height, width).transpose(1, 2).reshape(n, channels, height, width)
        return F.relu(self.second(x))


class ChannelShuffle(Head):
    """Exchanges channels between the groups of two grouped convolutions."""

    def __init__(self) -> None:
        super().__init__(_Shuffle())


class _Inverted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.expand = normalized(8, 24, 1)
        self.depthwise = normalized(24, 24, 3, padding=1, groups=24)
        self.project = nn.Sequential(nn.Conv2d(24, 8, 1, bias=False), nn.BatchNorm2d(8))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.depthwise(self.expand(x)))


class InvertedResidual(Head):
    """A wide depthwise convolution between two narrow layers that a sum connects."""

    def __init__(self) -> None:
        super().__init__(_Inverted())


class _Fire(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.expand = nn.ModuleDict({"small": nn.Conv2d(4, 6, 1), "large": nn.Conv2d(4, 6, 3, padding=1)})

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(layer(x)) for layer in self.expand.values()], dim=1)


class Fire(Head):
    """Two convolutions in a dictionary read one narrow layer, and their channels are joined."""

    def __init__(self) -> None:
        super().__init__(_Fire(), 12)


class _Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(8 + 4 * index, 4, 3, padding=1) for index in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(F.relu(x))], dim=1)
        return x


class DenseBlock(Head):
    """Each convolution reads the channels of all earlier ones."""

    def __init__(self) -> None:
        super().__init__(_Dense(), 20)


class GroupNormalized(Head):
    """Group and instance normalization, and a leaky ReLU with a learned slope."""

    def __init__(self) -> None:
        layers = (nn.GroupNorm(2, 8), nn.PReLU(8), nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8, affine=True), nn.SiLU())
        super().__init__(nn.Sequential(*layers))


class ResidualMLP(nn.Module):
    """Linear layers without biases, batch normalization, and sums."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(784, 16, bias=False)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16), nn.Hardswish()) for _ in range(2)
        )
        self.last = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flatten(1))
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)


class Highway(nn.Module):
    """Gates mix each layer with its input."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.plain, self.gate, self.out = (
            nn.Linear(*size) for size in ((784, 16), (16, 16), (16, 16), (16, 10))
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.embed(x.flatten(1)))
        gate = torch.sigmoid(self.gate(x))
        return self.out(gate * F.relu(self.plain(x)) + (1 - gate) * x)


class Maxout(nn.Module):
    """The largest of two linear functions instead of a fixed nonlinearity."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(784, 2 * 16), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x.flatten(1)).view(-1, 16, 2).amax(2))


class Sequence(nn.Module):
    """One-dimensional convolutions over the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(28, 12, 5), nn.ReLU(), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(72, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.squeeze(1))


class LinearClassifier(nn.Linear):
    """A network that is a layer itself."""

    def __init__(self) -> None:
        super().__init__(784, 10)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))
