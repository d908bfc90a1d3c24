"""What a criterion may look at: the weights, and what the training data and the network say of each of them.

Each quantity is computed when it is first asked for, once for all tensors of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from prunesweep.data.datasets import Split
from prunesweep.pruning.flow import flow

GRASP_TEMPERATURE = 200.0


@dataclass(frozen=True)
class NetworkView:
    """A network under its masks and a fixed sample of training data: a mapping name -> tensor for each quantity.

    Attributes:
        model: carries the weights, pruned ones exactly zero; left as it is.
        names: the parameters to be scored, like `conv1.weight`.
        shape: channels, height and width of an image.
        draw: gives some training examples, the same ones each time; called only if a quantity needs data.
        batch_size: how many of them make a batch; a short last batch is left out.
        generator: for criteria that draw.
    """

    model: nn.Module
    names: Sequence[str]
    shape: tuple[int, int, int]
    draw: Callable[[], Split]
    batch_size: int
    generator: Generator

    def of(self, name: str) -> ParameterView:
        """What there is to know of one parameter."""
        return ParameterView(self, name)

    @cached_property
    def parameters(self) -> dict[str, Tensor]:
        """The scored parameters themselves."""
        own = dict(self.model.named_parameters())
        return {name: own[name] for name in self.names}

    @cached_property
    def moments(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Mean over the batches of the gradient of the batch's mean loss, and of that gradient's square."""
        return self._moments(self.batch_size)

    @cached_property
    def fisher(self) -> dict[str, Tensor]:
        """Mean over the examples of the squared gradient of one example's loss: the diagonal empirical Fisher."""
        return self._moments(1)[1]

    @cached_property
    def hessian_gradient(self) -> dict[str, Tensor]:
        """H g: the Hessian of the mean loss times its gradient, the logits divided by `GRASP_TEMPERATURE`."""
        values = list(self.parameters.values())
        batches = list(self._losses(self.batch_size, GRASP_TEMPERATURE))
        first = [torch.autograd.grad(loss, values, create_graph=True) for loss in batches]
        mean = [torch.stack(parts).mean(0).detach() for parts in zip(*first, strict=True)]
        products = [
            torch.autograd.grad(sum((g * v).sum() for g, v in zip(gradients, mean, strict=True)), values)  # type: ignore[arg-type]
            for gradients in first
        ]
        return dict(zip(self.names, (torch.stack(parts).mean(0) for parts in zip(*products, strict=True)), strict=True))

    @cached_property
    def flow(self) -> dict[str, Tensor]:
        """dR/d|w| of the network of absolute values, R the sum of its outputs for an image of ones."""
        absolute = {name: parameter.detach().abs() for name, parameter in self.model.named_parameters()}
        return flow(self.model, absolute, self.shape)

    def _moments(self, batch_size: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        values = list(self.parameters.values())
        sums = [torch.zeros_like(value) for value in values]
        squares = [torch.zeros_like(value) for value in values]
        count = 0
        for loss in self._losses(batch_size):
            for total, square, gradient in zip(sums, squares, torch.autograd.grad(loss, values), strict=True):
                total += gradient
                square += gradient.square()
            count += 1
        mean, mean_square = ([part / count for part in parts] for parts in (sums, squares))
        return dict(zip(self.names, mean, strict=True)), dict(zip(self.names, mean_square, strict=True))

    def _losses(self, batch_size: int, temperature: float = 1.0) -> Iterator[Tensor]:
        self.model.eval()  # no dropout: the same gradients each time
        with torch.enable_grad():
            sample = self.draw()
            batch_size = min(batch_size, len(sample))
            for start in range(0, len(sample) - batch_size + 1, batch_size):
                stop = start + batch_size
                logits = self.model(sample.images[start:stop]) / temperature
                yield cross_entropy(logits, sample.labels[start:stop])


@dataclass(frozen=True)
class ParameterView:
    """What there is to know of one parameter tensor; every attribute has that tensor's shape.

    Attributes:
        probe: what is known of all parameters.
        name: this one's, like `conv1.weight`.
    """

    probe: NetworkView
    name: str

    @property
    def weight(self) -> Tensor:
        """The weights, those pruned before exactly zero."""
        return self.probe.parameters[self.name].detach()

    @property
    def gradient(self) -> Tensor:
        """Of the mean loss over the sample."""
        return self.probe.moments[0][self.name]

    @property
    def squared_gradient(self) -> Tensor:
        """Mean over the sample's batches of the squared gradient of the batch's mean loss."""
        return self.probe.moments[1][self.name]

    @property
    def fisher(self) -> Tensor:
        """Mean over the sample's examples of the squared gradient of one example's loss."""
        return self.probe.fisher[self.name]

    @property
    def hessian_gradient(self) -> Tensor:
        """The Hessian of the mean loss over the sample times its gradient."""
        return self.probe.hessian_gradient[self.name]

    @property
    def flow(self) -> Tensor:
        """What reaches the outputs of an image of ones per unit of the weight's absolute value. Needs no data."""
        return self.probe.flow[self.name]

    @property
    def generator(self) -> Generator:
        """On the CPU; the only source of chance."""
        return self.probe.generator
