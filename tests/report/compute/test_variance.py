import numpy as np
import pytest

from prunesweep.report.compute.variance import INTERACTIONS, REST, SEEDS, Codes, Numbers, analysis


def grid(*levels: int, repetitions: int = 1) -> Codes:
    axes = np.meshgrid(*map(np.arange, levels), np.arange(repetitions), indexing="ij")
    return np.stack([axis.ravel() for axis in axes[:-1]], axis=1)


def measured(codes: Codes, noise: float, seed: int = 0) -> Numbers:
    noisy: Numbers = codes[:, 0] + noise * np.random.default_rng(seed).normal(size=len(codes))
    return noisy


def test_shares_of_two_by_two_settings_with_two_seeds_by_hand() -> None:
    """Total 106 = 18 (a) + 72 (b) + 8 (interactions) + 8 (seeds: 4 degrees of freedom, so the noise is 2)."""
    found = analysis(["a", "b"], grid(2, 2, repetitions=2), np.array([1.0, 3, 5, 7, 2, 4, 10, 12])) or []
    assert [each.name for each in found] == ["a", "b", INTERACTIONS, SEEDS]
    assert [106 * each.share for each in found] == pytest.approx([18 - 2, 72 - 2, 8 - 2, 7 * 2])
    assert all(each.low <= each.share <= each.high for each in found)


def test_without_seeds_interactions_are_noise() -> None:
    """Means of rows 2 3 4 7 and of columns 2 3 7: total 104 = 42 (a) + 56 (b) + 6.

    The rest has 6 degrees of freedom, so the noise is 1.
    """
    y = np.array([0.0, 0, 6, 0, 3, 6, 2, 3, 7, 6, 6, 9])
    found = analysis(["a", "b"], grid(4, 3), y) or []
    assert [each.name for each in found] == ["a", "b", REST]
    assert [104 * each.share for each in found] == pytest.approx([42 - 3, 56 - 2, 11])


def test_exact_effects_have_intervals_of_width_0() -> None:
    codes = grid(3, 4, repetitions=3)
    found = analysis(["a", "b"], codes, codes @ np.array([1.0, 0.0])) or []
    assert [each.share for each in found] == pytest.approx([1, 0, 0, 0], abs=1e-9)
    assert [each.high - each.low for each in found] == pytest.approx([0, 0, 0, 0], abs=1e-9)


def test_a_setting_without_an_effect_has_about_no_share() -> None:
    """Nine values without an effect explain a part of the noise by chance, which is subtracted."""
    found = [analysis(["a", "b"], codes := grid(2, 9, repetitions=2), measured(codes, 1.0, s)) or [] for s in range(40)]
    assert np.mean([each[1].share for each in found]) < 0.1  # negative ones count as 0
    assert sum(each[1].low == 0 for each in found) > 35


def test_intervals_contain_the_true_share_about_as_often_as_they_say() -> None:
    """The true share of the first setting is its variance 1.25, divided by 1.25 + 1."""
    codes = grid(4, 5, repetitions=3)
    found = [(analysis(["a", "b"], codes, measured(codes, 1.0, seed)) or [])[0] for seed in range(60)]
    assert np.mean([each.low <= 1.25 / 2.25 <= each.high for each in found]) >= 0.9


def test_a_gap_in_the_grid_does_not_mix_settings() -> None:
    codes = grid(3, 3, repetitions=2)[2:]
    found = analysis(["a", "b"], codes, codes @ np.array([0.0, 1.0])) or []
    assert found[0].share == pytest.approx(0, abs=1e-9)
    assert found[1].share > 0.9


@pytest.mark.parametrize("codes", [grid(2, 2), grid(2, 3)])
def test_too_few_runs_have_no_analysis(codes: Codes) -> None:
    assert analysis(["a", "b"], codes, measured(codes, 1.0)) is None


def test_a_constant_has_no_analysis() -> None:
    assert analysis(["a", "b"], grid(3, 3, repetitions=2), np.ones(18)) is None
