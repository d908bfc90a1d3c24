"""Try a network on two images before anything is trained, and find out how it must be run.

Everything that would fail in training fails here, with the layer and the reason in one message.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunesweep.data.layout import CHANNELS_LAST, LAYOUTS, in_layout
from prunesweep.errors import UsageError
from prunesweep.models.build import build
from prunesweep.models.settings import Model, Shape
from prunesweep.models.tensors import ROOT, layers_of

ROUNDING = 1e-4
"""How much the sum of the probabilities of the classes may differ from one."""


@dataclass(frozen=True)
class Traits:
    """What the trial of a network has shown.

    Attributes:
        layout: The fastest memory layout in which it runs, a key of `LAYOUTS`. It affects the last bits of
            all results.
        executed: The names of the modules without children, in the order in which a forward pass finishes them.
        without_gradient: Trainable parameters on which the loss does not depend.
    """

    layout: str = CHANNELS_LAST
    executed: tuple[str, ...] = ()
    without_gradient: tuple[str, ...] = ()


class _Failed(Exception):
    """A pass of the trial failed."""


_known: dict[str, Traits] = {}


def traits(model: Model, shape: Shape, classes: int) -> Traits:
    """Return the traits of the network that `model` describes. A process tries each network once.

    Raises:
        UsageError: The network cannot be trained on images of `shape` with `classes` classes.
    """
    key = repr((model, shape, classes))
    if key not in _known:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _known[key] = try_out(build(model, shape, classes), model.name, shape, classes)
    return _known[key]


def try_out(network: nn.Module, name: str, shape: Shape, classes: int) -> Traits:
    """Run a copy of `network`, forward and backward, in evaluation and in training mode.

    Args:
        network: The network, on the CPU. It is not modified.
        name: Its name in messages.
        shape: Channels, height and width of an image.
        classes: The number of classes.

    Raises:
        UsageError: A pass fails, the outputs are not logits or log-probabilities `[n, classes]`, or the network cannot
            be copied.
    """
    _check_ordinary(network, name)
    reason = ""
    for layout in LAYOUTS:
        try:
            return _passes(network, name, shape, classes, layout)
        except _Failed as failed:  # some operations, such as view, need the other layout
            reason = str(failed)
    raise UsageError(f"model={name}: cannot process images of shape {list(shape)}: {reason}.")


def _check_ordinary(network: nn.Module, name: str) -> None:
    """Refuse tensors that hooks compute before each pass, as torch.nn.utils.prune does. Such modules have no copy."""
    computed = [
        f"{module}.{key}".lstrip(".")
        for module, each in network.named_modules()
        for key, value in vars(each).items()
        if isinstance(value, Tensor) and value.grad_fn is not None
    ]
    if computed:
        raise UsageError(
            f"model={name}: {', '.join(computed)} is computed from other parameters. Make it an ordinary parameter "
            "first, for example with torch.nn.utils.prune.remove."
        )


def _passes(network: nn.Module, name: str, shape: Shape, classes: int, layout: str) -> Traits:
    executed: list[str] = []
    without_gradient: tuple[str, ...] = ()
    for training in (False, True):
        with _named_failures("the network cannot be copied", []):
            trial = copy.deepcopy(network).train(training).to(memory_format=LAYOUTS[layout])
        images = in_layout(torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)), layout)
        with torch.random.fork_rng(devices=[]), _watched(trial) as (running, finished):
            torch.manual_seed(0)
            with _named_failures("the forward pass fails", running):
                outputs = trial(images)
            _check_outputs(outputs, name, classes)
            if training:
                with _named_failures("the backward pass fails", []):
                    cross_entropy(outputs, torch.arange(2) % classes).backward()
                without_gradient = tuple(
                    key for key, each in trial.named_parameters() if each.requires_grad and each.grad is None
                )
            else:
                executed = list(finished)
    return Traits(layout, tuple(executed), without_gradient)


@contextmanager
def _watched(model: nn.Module) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the names of the modules that are running, outermost first, and of the finished ones without children."""
    running: list[str] = []
    finished: list[str] = []

    def begin(name: str) -> None:
        running.append(name)

    def end(name: str, module: nn.Module) -> None:
        running.pop()
        if not any(module.children()):
            finished.append(name)

    handles = []
    for name, module in layers_of(model).items():
        handles.append(module.register_forward_pre_hook(lambda _m, _i, name=name: begin(name)))
        handles.append(module.register_forward_hook(lambda m, _i, _o, name=name: end(name, m)))
    try:
        yield running, finished
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _named_failures(what: str, running: list[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the user's network may raise anything
        where = f" in layer {running[-1]}" if running and running[-1] != ROOT else ""
        lines = str(error).strip().splitlines() or [""]
        raise _Failed(f"{what}{where} ({type(error).__name__}: {lines[0]})") from error


def _check_outputs(outputs: object, name: str, classes: int) -> None:
    """Raise `UsageError` unless `outputs` are logits or log-probabilities of two images."""
    expected, found = [2, classes], list(getattr(outputs, "shape", [])) or type(outputs).__name__
    if found != expected or not isinstance(outputs, Tensor):
        raise UsageError(
            f"model={name}: the output for 2 images has shape {found}, but the dataset has {classes} classes: "
            f"the shape must be {expected}."
        )
    if not outputs.is_floating_point() or not bool(outputs.isfinite().all()):
        raise UsageError(f"model={name}: the output for 2 random images contains values that are not finite numbers.")
    values = outputs.detach()
    if bool((values >= 0).all()) and bool(((values.sum(1) - 1).abs() < ROUNDING).all()):
        raise UsageError(
            f"model={name}: the outputs are probabilities, because they are positive and their sum is one. The loss "
            "applies softmax itself, so training would be slow and wrong. Remove the softmax at the end of forward, or "
            "use log_softmax."
        )
