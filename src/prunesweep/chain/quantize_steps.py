"""The steps that quantize a network, at the end of a chain, and its evaluation with integers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.observations import Evaluate
from prunesweep.chain.seeding import derived_seed, drawing_from, evaluating, generator_of
from prunesweep.chain.state import State, contiguous, masked
from prunesweep.chain.steps import Record, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.models.tensors import own_tensors
from prunesweep.quantization.codebook import Group, half, replaced, tied
from prunesweep.quantization.folding import AFFINE
from prunesweep.quantization.integer import IntegerNetwork, calibrate, supported
from prunesweep.quantization.symmetric import dequantized
from prunesweep.training import optimizers
from prunesweep.training.loop import shuffled, train_batches


@dataclass(frozen=True)
class ToCodebook(Step):
    """Replace the nonzero parameters of each group by the entries of a codebook, and round to float16. Masks stay.

    Attributes:
        groups: The parameters that share a codebook.
        rounded: Other parameters, which are only rounded.
        entries: The largest number of entries.
    """

    groups: tuple[Group, ...]
    rounded: tuple[str, ...]
    entries: int

    def apply(self, state: State, context: Context) -> tuple[State, Record]:  # noqa: ARG002
        after = {name: state.weights[name] for name in self.rounded}
        for group in self.groups:
            after.update(replaced(state.weights, group, self.entries))
        weights = {**state.weights, **contiguous(half(after))}
        return masked(replace(state, weights=weights, optimizer={})), {"entries": self._sizes(weights)}

    def _sizes(self, weights: dict[str, Tensor]) -> list[int]:
        """Return the number of entries of each codebook."""
        values = [torch.cat([weights[name].flatten() for name in group]) for group in self.groups]
        return [len(each[each != 0].unique()) for each in values]

    def summary(self) -> str:
        return f"codebook of {self.entries}"


@dataclass(frozen=True)
class CodebookEpoch(TrainEpoch):
    """A training epoch in which the weights with the same entry of a codebook stay equal. Momentum starts at zero.

    Attributes:
        groups: The parameters that share a codebook.
        rounded: Other parameters, which are trained and rounded to float16 afterwards.
    """

    groups: tuple[Group, ...]
    rounded: tuple[str, ...]

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        seed, train = derived_seed(self.seed, "train", self.index), context.data.train
        batches = shuffled(train, self.batch_size, generator_of(seed))
        model = context.network(state)
        in_codebook = {name for group in self.groups for name in group}
        started = time.perf_counter()
        held = {name: mask for name, mask in state.masks.items() if name not in in_codebook}
        with drawing_from(seed, context.device), tied(model, self.groups):
            optimizer = optimizers.build(self.optimizer, model.parameters(), self.lr)
            loss = train_batches(model, train, optimizer, held, batches, self._change(context, seed))
        seconds = time.perf_counter() - started
        trained = contiguous(own_tensors(model))
        after = State(trained, state.masks)
        self._check_finite(loss, after)
        names = [*in_codebook, *self.rounded]
        after = masked(replace(after, weights={**trained, **half({name: trained[name] for name in names})}))
        return after, self.report(after, context, loss / len(train), seconds)


@dataclass(frozen=True)
class ToInt8(Step):
    """Round the weights of convolutions and linear layers to multiples of a scale for each output channel. Masks stay.

    The biases and the scales of the activations become integers when the network is evaluated (`EvaluateInteger`).

    Attributes:
        data: Fingerprint of the data, on which the scales of the activations depend.
        images: Number of training images on which these scales are measured.
        seed: Seed of the choice of these images.
    """

    data: str
    images: int
    seed: int

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        rounded = {}
        for name, layer in supported(context.network(state).cpu()):
            if isinstance(layer, AFFINE):
                rounded[f"{name}.weight"] = dequantized(layer.weight).to(state.weights[f"{name}.weight"].device)
        return masked(replace(state, weights={**state.weights, **contiguous(rounded)}, optimizer={})), {}

    def summary(self) -> str:
        return "int8"


@dataclass(frozen=True)
class EvaluateInteger(Evaluate):
    """Score a state with the integer program of its network.

    The record also contains `scales`: those of the activations, measured on training images. With the weights of the
    state, they define the program.

    Attributes:
        images: Number of training images on which the scales are measured.
        seed: Seed of the choice of these images.
    """

    images: int
    seed: int

    def observe(self, state: State, context: Context) -> Record:
        model = context.network(state).cpu()
        with evaluating("cpu"):
            scales = calibrate(model, self._images(context))
        return {**self.figures(IntegerNetwork(model, scales), context), "scales": scales}

    def _images(self, context: Context) -> Tensor:
        train = context.data.train
        order = torch.randperm(len(train), generator=generator_of(derived_seed(self.seed, "calibrate", 0)))
        return train.images[order[: self.images].to(train.images.device)].cpu()

    def fits(self, record: Record) -> bool:
        scales = record.get("scales")
        others = {key: value for key, value in record.items() if key != "scales"}
        return isinstance(scales, list) and all(isinstance(scale, float) for scale in scales) and super().fits(others)


def evaluation(chain: Sequence[Step], position: int, data: str) -> Evaluate:
    """Return the evaluation of the network after the step at `position` of a chain.

    Args:
        chain: The steps.
        position: The position of a step.
        data: Fingerprint of the data.
    """
    step = chain[position]
    return EvaluateInteger(data, step.images, step.seed) if isinstance(step, ToInt8) else Evaluate(data)
