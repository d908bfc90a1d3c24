"""More networks for 28x28 images with ten classes, each with something special."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune


class Plain(nn.Module):
    """A small convolutional network that others derive from."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 5, stride=2)
        self.fc1 = nn.Linear(6 * 12 * 12, 32)
        self.fc2 = nn.Linear(32, 10)

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.fc1(F.relu(self.conv(x)).flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.features(x))


class LogProbabilities(Plain):
    """Ends with log-softmax."""

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(super().forward(x), dim=1)


class Views(Plain):
    """Needs contiguous activations."""

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.fc1(F.relu(self.conv(x)).view(-1, 6 * 12 * 12)))


class Changing(Plain):
    """Changes its input."""

    def forward(self, x: Tensor) -> Tensor:
        x *= 0.5
        return super().forward(x)


class NotChanging(Plain):
    """Computes what `Changing` computes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 0.5)


class ChangingFirst(nn.Module):
    """Its first layer works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LeakyReLU(inplace=True), nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class NotChangingFirst(nn.Module):
    """Computes what `ChangingFirst` computes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.LeakyReLU(), nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class TwoNames(Plain):
    """Reaches its layers under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleDict({"first": self.conv, "last": self.fc2})


class SharedHidden(nn.Module):
    """Applies one hidden layer twice, and a second layer with the same weight."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(784, 48)
        self.again = nn.Linear(48, 48)
        self.same = nn.Linear(48, 48)
        self.same.weight = self.again.weight
        self.leave = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.enter(x.flatten(1)))
        return self.leave(F.relu(self.same(F.relu(self.again(F.relu(self.again(x)))))))


class AlwaysRandom(Plain):
    """Draws random numbers also in evaluation mode."""

    def features(self, x: Tensor) -> Tensor:
        return F.dropout(super().features(x), 0.1, training=True)


class HeadDeclaredFirst(nn.Module):
    """Declares its output layer first, and a layer last that it never uses."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6 * 12 * 12, 10)
        self.conv = nn.Conv2d(1, 6, 5, stride=2)
        self.unused = nn.Linear(20, 20)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.conv(x)).flatten(1))


class Normalized(nn.Module):
    """Batch normalization and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 5, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(6 * 12 * 12, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.drop(F.relu(self.norm(self.conv(x)))).flatten(1))


class FrozenFirst(Plain):
    """Its convolution is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.conv.requires_grad_(False)


class Rows(nn.Module):
    """Reads an image row by row with a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.GRU(28, 24, batch_first=True)
        self.fc = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rows(x.squeeze(1))[0][:, -1])


class Attention(nn.Module):
    """Attends over patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 16, 7, stride=7)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = self.norm(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])
        return self.head(tokens.flatten(1))


class Mixer(nn.Module):
    """Mixes patches and channels with linear layers and GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 16, 4, stride=4)
        self.tokens = nn.Linear(49, 49)
        self.channels = nn.Linear(16, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2)
        x = x + F.gelu(self.tokens(x))
        x = x.transpose(1, 2)
        return self.head((x + F.gelu(self.channels(x))).mean(1))


class UpAndDown(nn.Module):
    """A transposed convolution between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 8, 4, stride=4)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.head = nn.Linear(4 * 14 * 14, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.up(F.relu(self.down(x)))).flatten(1))


class Inception(nn.Module):
    """Two branches whose channels are joined."""

    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.large = nn.Conv2d(1, 4, 5, stride=2, padding=2)
        self.fc = nn.Linear(8 * 14 * 14, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(torch.cat([self.small(x), self.large(x)], 1)).flatten(1))


class Functional(nn.Module):
    """Uses the weights of its layers in functional calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 5, stride=2)
        self.fc = nn.Linear(6 * 12 * 12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.conv.weight, self.conv.bias, stride=2)
        return F.linear(F.relu(x).flatten(1), self.fc.weight, self.fc.bias)


class WeightNorm(Plain):
    """The weight of its convolution is computed from two others."""

    def __init__(self) -> None:
        super().__init__()
        parametrizations.weight_norm(self.conv)


class Masked(Plain):
    """Has been pruned by torch.nn.utils.prune."""

    def __init__(self) -> None:
        super().__init__()
        prune.l1_unstructured(self.fc1, "weight", amount=0.5)


class TwoOutputs(Plain):
    """Returns its features as well."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x), self.features(x)  # type: ignore[return-value]


class WrongClasses(Plain):
    """Has five outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.fc2 = nn.Linear(32, 5)
