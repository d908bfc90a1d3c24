"""What a criterion can use: the weights, their gradients on a sample of training data, and the flow of the network.

Each quantity is computed on first use, once for all parameters of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.pruning.flow import flow
from prunesweep.pruning.inputs import input_norms

GRASP_TEMPERATURE = 200.0


@dataclass(frozen=True)
class Sample:
    """Training examples for gradients.

    Attributes:
        draw: Returns the examples, the same ones at each call.
        batch_size: Images of one batch. A shorter last batch is left out.
    """

    draw: Callable[[], Split]
    batch_size: int


@dataclass(frozen=True)
class NetworkView:
    """A network under its masks, and the quantities from which its weights are scored, by parameter name.

    Attributes:
        model: The network. Pruned weights are exactly zero. It is not modified.
        names: The parameters to be scored, such as `conv1.weight`.
        shape: Channels, height and width of an image.
        sample: The training examples; None for a criterion that does not need data.
        generator: The source of random numbers, on the CPU.
        initial: The weights from which training started; empty for a criterion that does not need them.
        movement: Sums of -w g over the training steps so far; empty for a criterion that does not need them.
    """

    model: nn.Module
    names: Sequence[str]
    shape: tuple[int, int, int]
    sample: Sample | None
    generator: Generator
    initial: Mapping[str, Tensor] = field(default_factory=dict)
    movement: Mapping[str, Tensor] = field(default_factory=dict)

    def of(self, name: str) -> ParameterView:
        """Return the view of one parameter."""
        return ParameterView(self, name)

    @cached_property
    def parameters(self) -> dict[str, Tensor]:
        """The scored parameters."""
        parameters = dict(self.model.named_parameters())
        return {name: parameters[name].requires_grad_() for name in self.names}  # frozen ones have scores, too

    @cached_property
    def moments(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Mean over batches of the gradient of the batch's mean loss, and of the square of that gradient."""
        return self._moments(self._sample.batch_size)

    @cached_property
    def fisher(self) -> dict[str, Tensor]:
        """Mean over examples of the squared gradient of one example's loss: the diagonal empirical Fisher."""
        return self._moments(1)[1]

    @cached_property
    def hessian_gradient(self) -> dict[str, Tensor]:
        """H g: the Hessian of the mean loss times its gradient, with logits divided by `GRASP_TEMPERATURE`."""
        values = list(self.parameters.values())
        batches = list(self._losses(self._sample.batch_size, GRASP_TEMPERATURE))
        first = [torch.autograd.grad(loss, values, create_graph=True) for loss in batches]
        mean = [torch.stack(parts).mean(0).detach() for parts in zip(*first, strict=True)]
        products = [
            torch.autograd.grad(sum((g * v).sum() for g, v in zip(gradients, mean, strict=True)), values)  # type: ignore[arg-type]
            for gradients in first
        ]
        return dict(zip(self.names, (torch.stack(parts).mean(0) for parts in zip(*products, strict=True)), strict=True))

    @cached_property
    def flow(self) -> dict[str, Tensor]:
        """dR/d|w| of the network of absolute values, where R is the sum of its outputs for an image of ones."""
        absolute = {name: parameter.detach().abs() for name, parameter in self.model.named_parameters()}
        return flow(self.model, absolute, self.shape)

    @cached_property
    def input_norms(self) -> dict[str, Tensor]:
        """The L2 norm, over the sample, of the input that each weight multiplies."""
        self.model.eval()  # without dropout, as for gradients
        return input_norms(self.model, self.names, self._batches(self._sample.batch_size))

    @property
    def _sample(self) -> Sample:
        if self.sample is None:
            raise UsageError("a criterion registered without needs_data=True cannot use gradients.")
        return self.sample

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
        self.model.eval()  # without dropout, so that the gradients are the same at each call
        with torch.enable_grad():
            for batch in self._batches(batch_size):
                yield cross_entropy(self.model(batch.images) / temperature, batch.labels)

    def _batches(self, batch_size: int) -> Iterator[Split]:
        examples = self._sample.draw()
        batch_size = min(batch_size, len(examples))
        for start in range(0, len(examples) - batch_size + 1, batch_size):
            stop = start + batch_size
            yield Split(examples.images[start:stop], examples.labels[start:stop])


@dataclass(frozen=True)
class ParameterView:
    """What a criterion can use of one parameter. Every tensor has the shape of the parameter.

    Attributes:
        network: The view of the whole network.
        name: The name of the parameter, such as `conv1.weight`.
    """

    network: NetworkView
    name: str

    @property
    def weight(self) -> Tensor:
        """The weights. Pruned weights are exactly zero."""
        return self.network.parameters[self.name].detach()

    @property
    def gradient(self) -> Tensor:
        """The gradient of the mean loss over the sample."""
        return self.network.moments[0][self.name]

    @property
    def squared_gradient(self) -> Tensor:
        """Mean over batches of the squared gradient of the batch's mean loss."""
        return self.network.moments[1][self.name]

    @property
    def fisher(self) -> Tensor:
        """Mean over examples of the squared gradient of one example's loss."""
        return self.network.fisher[self.name]

    @property
    def hessian_gradient(self) -> Tensor:
        """The Hessian of the mean loss over the sample, times its gradient."""
        return self.network.hessian_gradient[self.name]

    @property
    def flow(self) -> Tensor:
        """The derivative of the summed outputs for an image of ones with respect to |w|. Needs no data."""
        return self.network.flow[self.name]

    @property
    def initial(self) -> Tensor:
        """The initial weights, including those that are pruned now."""
        return self.network.initial[self.name]

    @property
    def movement(self) -> Tensor:
        """The sum of -w g over the training steps so far."""
        return self.network.movement[self.name]

    @property
    def input_norm(self) -> Tensor:
        """The L2 norm, over the sample, of the input that each weight multiplies."""
        return self.network.input_norms[self.name]

    @property
    def generator(self) -> Generator:
        """The only source of random numbers, on the CPU."""
        return self.network.generator

    def noise(self) -> Tensor:
        """Draw uniform noise in [0, 1) from `generator`."""
        return torch.rand(self.weight.shape, generator=self.generator).to(self.weight)
