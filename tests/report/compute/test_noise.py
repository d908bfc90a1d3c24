import math
from pathlib import Path

import pytest
from fakes import fake_fields

from prunesweep.report.compute.noise import Evidence, Noise, binomial, ties
from prunesweep.results.run_directory import RunDirectory


def setting(*drops: float, accuracy: float = 0.96) -> Evidence:
    return Evidence(drops, accuracy)


def test_the_binomial_standard_error() -> None:
    assert binomial(0.5, 100) == 0.05
    assert binomial(1.0, 100) == 0


def test_drops_are_relative_to_the_dense_network_of_the_same_run() -> None:
    scores = [(0, 0.98, 0.97), (0, 0.98, 0.95), (1, 0.90, 0.91)]  # two runs of seed 0
    runs = [
        RunDirectory(
            Path(),
            "0",
            fake_fields(
                0.5,
                seed,
                dense={"val_accuracy": dense, "test_accuracy": 0},
                final={"val_accuracy": final, "test_accuracy": 0},
            ),
        )
        for seed, dense, final in scores
    ]
    found = Evidence.of(runs)
    assert found.drops == pytest.approx((0.02, -0.01))
    assert (found.seeds, found.drop) == (2, pytest.approx(0.005))
    assert found.accuracy == pytest.approx(2.83 / 3)


def test_the_noise_over_seeds_is_typical_of_the_settings_with_several() -> None:
    several = [setting(0.0, 0.02), setting(0.0, 0.04), setting(0.0, 0.3)]  # sd 0.0141, 0.0283, and a collapse
    noise = Noise.of([*several, setting(0.5)], 500)
    assert noise.seeds == pytest.approx(0.04 / math.sqrt(2))
    assert noise.freedom == 3
    assert Noise.of([setting(0.5)], 500).seeds is None


def test_one_seed_has_a_wider_margin_than_three() -> None:
    noise = Noise(500, 0.01, 4)
    three, one = setting(0.01, 0.0, 0.02), setting(0.01)
    assert noise.margin(one) == pytest.approx(2.776 * 0.01, rel=1e-3)  # t with 4 degrees of freedom
    assert noise.margin(three) == pytest.approx(noise.margin(one) / math.sqrt(3))


def test_without_repeated_seeds_the_margin_is_that_of_the_images() -> None:
    assert Noise(500, None, 0).margin(setting(0.01, accuracy=0.9)) == pytest.approx(1.96 * 0.01342, rel=1e-3)
    assert Noise(None, None, 0).margin(setting(0.01)) == 0


@pytest.mark.parametrize(("images", "tied"), [(3, True), (4, False)])
def test_fewer_than_four_images_never_distinguish(images: int, tied: bool) -> None:
    # McNemar's test: of k images that only one network classifies correctly, k is significant from 1.96^2 on.
    certain = Noise(500, 0.0, 100)
    assert certain.tied(setting(0.0, 0.0), setting(images / 500, images / 500)) is tied


def test_ties_are_all_other_settings_that_cannot_be_told_apart() -> None:
    settings = {3: setting(0.0, 0.001), 5: setting(0.002, 0.003), 8: setting(0.2, 0.201)}
    noise = Noise.of(settings.values(), 500)
    assert ties(settings, 3, noise) == [5]
    assert ties(settings, 8, noise) == []
