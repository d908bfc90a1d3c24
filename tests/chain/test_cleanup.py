from dataclasses import replace

import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.cleanup import CleanUp
from prunesweep.chain.prune_steps import Prune
from prunesweep.chain.state import masked
from prunesweep.pruning.spec import Fractions, PruneSpec

LAYERS = ("fc1.weight", "fc2.weight", "fc3.weight")
EVERYTHING = {f"{layer}.{role}" for layer in ("fc1", "fc2", "fc3") for role in ("weight", "bias")}


def test_after_a_clean_up_the_masks_are_the_weights_that_are_not_zero() -> None:
    spec = PruneSpec("l1", Fractions(0.98), scope="layerwise")
    before = Prune("data", spec, LAYERS, 0, 0).apply(initial_state(), CONTEXT)[0]
    after, record = CleanUp().apply(before, CONTEXT)
    assert after.masks.keys() == EVERYTHING
    assert all(torch.equal(after.weights[name] != 0, mask) for name, mask in after.masks.items())
    kept = {name: before.masks.get(name, torch.ones_like(mask)) for name, mask in after.masks.items()}
    assert sum(map(torch.Tensor.sum, after.masks.values())) < sum(map(torch.Tensor.sum, kept.values()))
    assert record == {"sparsity": after.sparsity}
    images = CONTEXT.data.test.images
    with torch.no_grad():
        assert torch.allclose(CONTEXT.network(after)(images), CONTEXT.network(before)(images), atol=1e-5)
    assert equal(CleanUp().apply(after, CONTEXT)[0], after)


def test_a_pruned_bias_that_takes_up_a_constant_is_kept_again() -> None:
    start = initial_state()
    masks = {name: torch.ones_like(start.weights[name], dtype=torch.bool) for name in ("fc2.weight", "fc3.bias")}
    masks["fc2.weight"][5] = False
    masks["fc3.bias"][:] = False
    weights = {**start.weights, "fc2.bias": start.weights["fc2.bias"].abs()}
    before = masked(replace(start, weights=weights, masks=masks))
    after = CleanUp().apply(before, CONTEXT)[0]
    assert after.masks["fc3.bias"].all()
    assert not after.masks["fc3.weight"][:, 5].any()
    assert not after.masks["fc2.bias"][5]
