"""Scores, scope, structure and target -> masks, ranked by `torch.nn.utils.prune`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from prunesweep.errors import UsageError
from prunesweep.pruning import allocation, structure
from prunesweep.pruning.allocation import layer_of
from prunesweep.pruning.criteria import ON_DATA
from prunesweep.pruning.settings import Pruning

DEFAULT_AMOUNT = 0.2


def resolved(pruning: Pruning, shapes: Mapping[str, Sequence[int]], params_total: int) -> Pruning:
    """The same pruning with its target as an `amount`, once it has been checked against the selected parameters.

    What has no bearing on the masks is at its default then: equal prunings are equal, however they were asked for.

    Raises:
        UsageError: the target cannot be reached; says what can.
    """
    if pruning.criterion == "none":
        return Pruning("none", structure="channel" if pruning.structure == "channel" else "unstructured", amount=0.0)
    if pruning.criterion not in ON_DATA:
        pruning = replace(pruning, batches=Pruning.batches, batch_size=Pruning.batch_size)
    if pruning.structure != "n_of_m":
        pruning = replace(pruning, n=Pruning.n, m=Pruning.m)
    if pruning.structure == "n_of_m":
        structure.check_divides(shapes, pruning.m)
        return replace(pruning, amount=1 - pruning.n / pruning.m)
    allocation.check_layers(pruning.per_layer, list(shapes))
    amount = DEFAULT_AMOUNT if pruning.amount is None else pruning.amount
    if pruning.compression is not None:
        amount = _amount_of(pruning.compression, pruning, shapes, params_total)
    settled = replace(pruning, amount=amount, compression=None)
    allocation.check_reachable(settled.tensors(shapes), settled.budgets(shapes), pruning.floor, pruning.structure)
    return settled


def _amount_of(compression: float, pruning: Pruning, shapes: Mapping[str, Sequence[int]], params_total: int) -> float:
    """The fraction of what `per_layer` leaves open that has to go for the whole model to shrink by `compression`."""
    sizes = pruning.tensors(shapes).units
    own = {name: pruning.per_layer.get(layer_of(name)) for name in sizes}
    fixed = sum(round(fraction * sizes[name]) for name, fraction in own.items() if fraction is not None)
    free = sum(sizes[name] for name, fraction in own.items() if fraction is None)
    count = round(params_total - params_total / compression) - fixed
    if not 0 <= count <= free:
        least, most = (params_total / max(params_total - fixed - part, 1) for part in (0, free))
        raise UsageError(
            f"prune.compression={compression:g}: with {sum(sizes.values()):,} of {params_total:,} parameters selected "
            f"from {least:.4g} to {most:.4g} can be reached."
        )
    return count / free if free else 0.0
