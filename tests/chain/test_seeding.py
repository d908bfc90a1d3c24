import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of


def test_drawing_is_repeatable_and_keeps_the_global_random_state() -> None:
    before = torch.random.get_rng_state()
    with drawing_from(3, "cpu"):
        first = torch.rand(3)
    with drawing_from(3, "cpu"):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.random.get_rng_state(), before)


@given(st.integers(0, 2**40), st.sampled_from(["init", "train", "prune"]), st.integers(0, 1_000))
def test_derived_seeds_differ_by_index_and_fit_the_generator_of_torch(seed: int, kind: str, index: int) -> None:
    generator_of(derived_seed(seed, kind, index))
    assert derived_seed(seed, kind, index) != derived_seed(seed, kind, index + 1)


def test_derived_seeds_differ_by_seed_and_kind_of_step() -> None:
    assert len({derived_seed(seed, kind, 0) for seed in (0, 1) for kind in ("init", "train")}) == 4
