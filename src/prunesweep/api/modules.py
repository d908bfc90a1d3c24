"""Prune a module of the user's own in place, without a run."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from prunesweep.chain.seeding import drawing_from, generator_of
from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError, check_choice
from prunesweep.experiment.checks import check_biases
from prunesweep.models.tensors import layer_of, layers_of, parameter_of
from prunesweep.pruning.allocation import Shapes, Units
from prunesweep.pruning.criteria import CRITERIA, Criterion, Score
from prunesweep.pruning.masks import prune as lowest_pruned
from prunesweep.pruning.scoring import NetworkView, Sample
from prunesweep.pruning.selection import output_layer, prunable, select
from prunesweep.pruning.settings import DEFAULT_KINDS, Layers, Pruning
from prunesweep.pruning.spec import PruneSpec, resolve

OWN = "custom"
"""The name of a criterion that is a function of the user's own."""


def prune(
    module: nn.Module,
    amount: float | None = None,
    *,
    criterion: str | Score = "l1",
    scope: str = "global",
    structure: str = "unstructured",
    include: Sequence[str] = ("*",),
    exclude: Sequence[str] = (),
    kinds: Sequence[str] = DEFAULT_KINDS,
    biases: bool = False,
    compression: float | None = None,
    per_layer: Mapping[str, float] | None = None,
    floor: float = 0.0,
    n: int = 2,
    m: int = 4,
    iterations: int = 1,
    data: tuple[Tensor, Tensor] | None = None,
    batch_size: int = 128,
    input_shape: Sequence[int] | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Prune a module in place with masks of `torch.nn.utils.prune`, and return the masks.

    Each pruned parameter, `weight` say, becomes `weight_orig` with the buffer `weight_mask`, as with the functions of
    `torch.nn.utils.prune`. `torch.nn.utils.prune.remove(layer, "weight")` makes it an ordinary parameter again.

    Weights that `torch.nn.utils.prune` has pruned before stay pruned and count towards the target: `amount=0.5` and
    later `amount=0.8` prune 80 % in total. (A second call of a function of torch prunes a fraction of the rest.)

    Settings have the meaning of the groups `prune` and `layers` on the command line (`docs/pruning.md`). Messages name
    them in the same way: `prune.amount`, `layers.include`.

    Args:
        module: A classifier, or any module if neither the criterion nor the structure needs `data` or `input_shape`.
        amount: Fraction of the selected weights to prune, or of the channels with `structure="channel"`. Not needed
            with `compression` or `per_layer`.
        criterion: The name of a criterion, or a function that returns the scores of a
            `prunesweep.pruning.scoring.ParameterView`. The lowest scores are pruned.
        scope: `global`, `layerwise`, `output`, `erk` or `magnitude`.
        structure: `unstructured`, `channel` or `n_of_m`. With `channel`, the last layer is not selected, because its
            channels are the classes.
        include: Shell-style patterns of the names of the layers to prune.
        exclude: Shell-style patterns of the names of layers to leave as they are.
        kinds: Some of `conv`, `fc` and `conv_transpose`.
        biases: Whether the biases of these layers may be pruned too.
        compression: The alternative to `amount`: parameters of the whole module, before : after.
        per_layer: Layer -> fraction, for layers that do not follow `amount`. Without `amount` and `compression`, the
            other layers are not pruned.
        floor: What each layer keeps at least: below 1 a fraction, from 1 on a number of weights or channels.
        n: Inputs kept of every `m`, with `structure="n_of_m"`.
        m: Inputs of one group, with `structure="n_of_m"`.
        iterations: Number of passes of scoring and pruning in which the amount is reached.
        data: Images `[n, ...]` and labels `[n]`, int64, for criteria that use gradients of the cross-entropy.
        batch_size: Images of one batch of `data`. A shorter last batch is left out.
        input_shape: Shape of one input, for `criterion="synflow"` and `structure="channel"`. By default that of `data`.
        seed: The seed of random scores.

    Returns:
        Parameter name -> boolean mask of the parameter's shape, true where the weight is kept.

    Raises:
        UsageError: A setting is not allowed, the target cannot be reached, or the criterion needs `data`. The module is
            not changed.

    Example:
        >>> import prunesweep, torch
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
        >>> masks = prunesweep.prune(model, 0.9, scope="layerwise")
        >>> {name: int(mask.sum()) for name, mask in masks.items()}
        {'1.weight': 7840, '3.weight': 100}
        >>> int(model[1].weight.count_nonzero())
        7840
        >>> images, labels = torch.randn(64, 1, 28, 28), torch.arange(64) % 10
        >>> masks = prunesweep.prune(model, 0.95, criterion="snip", data=(images, labels))
        >>> sum(int(mask.sum()) for mask in masks.values())
        3970
    """
    if not isinstance(module, nn.Module):
        raise UsageError(f"module: must be a torch.nn.Module, not {type(module).__name__}.")
    chosen = _criterion(criterion, has_data=data is not None)
    if structure != "n_of_m" and amount is None and compression is None:
        if not per_layer:
            raise UsageError("prune.amount: give the amount or the compression.")
        amount = 0.0
    settings = Pruning(
        criterion=criterion if isinstance(criterion, str) else "l1",
        scope=scope,
        structure=structure,
        amount=amount,
        compression=compression,
        per_layer=dict(per_layer or {}),
        floor=floor,
        n=n,
        m=m,
        iterations=iterations,
        batch_size=batch_size,
    )
    layers = Layers(_texts("include", include), _texts("exclude", exclude), _texts("kinds", kinds), biases)
    check_biases(structure, biases=biases)
    trial = _plain_copy(module)
    before = _masks(module)
    device = next((parameter.device for parameter in trial.parameters()), torch.device("cpu"))
    split = None if data is None else _split(data, device)
    shape = _shape(input_shape, split)
    if criterion == "synflow" and not shape:
        raise UsageError("criterion=synflow: needs input_shape, the shape of one input, such as (1, 28, 28).")
    output = _output_layer(trial, shape, device) if structure == "channel" else None
    names = select(trial, layers, output=output)
    _check_transposed(trial, names, structure, scope)
    parameters = dict(trial.named_parameters())
    shapes = {name: tuple(parameters[name].shape) for name in names}
    spec = resolve(settings, shapes, sum(each.numel() for each in parameters.values()))
    masks = {name: mask.cpu() for name, mask in before.items() if name in shapes}
    for single_pass in spec.passes():
        sample = Sample(lambda: split, batch_size) if split and chosen.needs_data else None
        view = NetworkView(trial, list(Units.of(structure, shapes).counts), shape, sample, generator_of(seed))  # type: ignore[arg-type]
        masks = {**masks, **_pass(single_pass, chosen, view, shapes, masks, seed)}
        with torch.no_grad():
            for name, mask in masks.items():
                parameters[name].masked_fill_(~mask.to(device), 0)
    return _apply(module, trial, masks)


def _criterion(criterion: str | Score, *, has_data: bool) -> Criterion:
    if callable(criterion):
        return Criterion(criterion, "", needs_data=has_data)
    check_choice("criterion", criterion, CRITERIA)
    found = CRITERIA[criterion]
    if found.needs_initial or found.needs_movement:
        raise UsageError(f"criterion={criterion}: needs a record of the training of the module. Prune it in a run.")
    if found.needs_data and not has_data:
        raise UsageError(
            f"criterion={criterion}: scores weights by training examples. Give data=(images, labels), some training "
            "examples."
        )
    return found


def _texts(key: str, patterns: Sequence[str]) -> list[str]:
    if isinstance(patterns, str):
        raise UsageError(f"{key}={patterns!r}: must be a list, such as {[patterns]}.")
    return list(patterns)


def _split(data: tuple[Tensor, Tensor], device: torch.device) -> Split:
    try:
        images, labels = data
        fits = len(images) == len(labels) > 0 and images.is_floating_point() and labels.dtype is torch.int64
    except (TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise UsageError("data: must be two tensors, images [n, ...] of floats and labels [n] of int64, and not empty.")
    return Split(images.to(device), labels.to(device))


def _shape(given: Sequence[int] | None, split: Split | None) -> tuple[int, ...]:
    if given is not None:
        return tuple(given)
    return () if split is None else tuple(split.images.shape[1:])


def _pass(
    spec: PruneSpec, criterion: Criterion, view: NetworkView, shapes: Shapes, before: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    """Return the masks after one pass of scoring and pruning."""
    with drawing_from(seed, str(next(iter(view.parameters.values())).device)):
        scores = {name: _score(criterion, view, name) for name in view.names}
    magnitudes = {name: view.parameters[name].detach().abs().cpu() for name in view.names}
    return lowest_pruned(spec, scores, magnitudes, shapes, before)


def _score(criterion: Criterion, view: NetworkView, name: str) -> Tensor:
    """Return the scores of one parameter, on the CPU and contiguous."""
    label = getattr(criterion.score, "__name__", OWN)
    try:
        scores = criterion.score(view.of(name)).detach().cpu().contiguous()
    except UsageError:
        raise
    except Exception as error:  # the user's module or criterion may raise anything
        raise UsageError(
            f"criterion={label}: {name} cannot be scored ({type(error).__name__}: {error}). If the loss does not "
            f"depend on it, exclude its layer: exclude=[{layer_of(name)!r}]."
        ) from error
    expected = view.parameters[name].shape
    if scores.shape != expected or bool(scores.isnan().any()):
        raise UsageError(
            f"criterion={label}: the scores of {name} must be numbers of shape {list(expected)} (found "
            f"{list(scores.shape)}, {int(scores.isnan().sum())} NaN)."
        )
    return scores


def _output_layer(trial: nn.Module, shape: tuple[int, ...], device: torch.device) -> str:
    """Return the layer that a forward pass executes last."""
    if not shape:
        raise UsageError(
            "structure=channel: needs input_shape, the shape of one input, such as (1, 28, 28), to find the last "
            "layer, whose channels are not pruned."
        )
    executed: list[str] = []
    handles = [
        each.register_forward_hook(lambda _module, _inputs, _output, name=name: executed.append(name))
        for name, each in layers_of(trial).items()
    ]
    try:
        with torch.no_grad():
            trial.eval()(torch.zeros(1, *shape, device=device))
    except Exception as error:  # the user's module may raise anything
        raise UsageError(f"input_shape={shape}: the forward pass fails ({type(error).__name__}: {error}).") from error
    finally:
        for handle in handles:
            handle.remove()
    return output_layer(trial, executed)


def _check_transposed(trial: nn.Module, names: Sequence[str], structure: str, scope: str) -> None:
    known = prunable(trial)
    transposed = [layer for layer in dict.fromkeys(map(layer_of, names)) if known.get(layer) == "conv_transpose"]
    if transposed and structure != "unstructured":
        raise UsageError(
            f"structure={structure}: transposed convolutions can only be pruned with structure='unstructured'. Exclude "
            f"these layers: exclude={transposed}."
        )
    if transposed and scope == "output":
        raise UsageError(
            "scope=output: the weights of transposed convolutions are not in rows. "
            f"Exclude these layers: exclude={transposed}."
        )


def _pruned(module: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """Yield the layer's name, the layer and `weight` or `bias` of what `torch.nn.utils.prune` has pruned."""
    for name, layer in layers_of(module).items():
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, torch_prune.BasePruningMethod):
                yield name, layer, hook._tensor_name


def _masks(module: nn.Module) -> dict[str, Tensor]:
    """Return the masks of earlier prunings by parameter name."""
    return {parameter_of(name, role): getattr(layer, f"{role}_mask").bool() for name, layer, role in _pruned(module)}


def _plain_copy(module: nn.Module) -> nn.Module:
    """Return a copy of `module` in which pruned parameters are ordinary ones, with exact zeros."""
    with _without_graphs(module):
        try:
            trial = copy.deepcopy(module)
        except Exception as error:  # the user's module may raise anything
            raise UsageError(f"module: cannot be copied ({type(error).__name__}: {error}).") from error
    for _, layer, role in list(_pruned(trial)):
        torch_prune.remove(layer, role)
    return trial


@contextmanager
def _without_graphs(module: nn.Module) -> Iterator[None]:
    """Detach the pruned weights within the context. Torch cannot copy tensors that are computed from parameters."""
    computed = [(layer, role, getattr(layer, role)) for _, layer, role in _pruned(module)]
    try:
        for layer, role, value in computed:
            setattr(layer, role, value.detach())
        yield
    finally:
        for layer, role, value in computed:
            setattr(layer, role, value)


def _apply(module: nn.Module, trial: nn.Module, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Apply `masks` to `module`, and return the masks that it has now.

    A parameter with several names, such as tied weights, gets the mask in each layer that has it.
    """
    names = {id(parameter): name for name, parameter in trial.named_parameters()}
    result: dict[str, Tensor] = {}
    seen: set[tuple[int, str]] = set()
    for path, layer in trial.named_modules():
        for role, parameter in layer.named_parameters(recurse=False, remove_duplicate=False):
            target, name = module.get_submodule(path), names[id(parameter)]
            if name in masks and (id(target), role) not in seen:
                seen.add((id(target), role))
                torch_prune.custom_from_mask(target, role, masks[name].to(parameter.device))
                result[name] = target.get_buffer(f"{role}_mask").bool()
    return result
