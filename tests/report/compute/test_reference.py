from pathlib import Path

import pytest
from fakes import fake_fields

from prunesweep.report.compute.reference import Reference
from prunesweep.results.run_directory import RunDirectory


def run(seed: int, dense: float, final: float = 0.9, *, trained: bool = True) -> RunDirectory:
    fields = fake_fields(
        0.5,
        seed,
        dense={"val_accuracy": dense, "test_accuracy": dense - 0.01},
        final={"val_accuracy": final, "test_accuracy": final},
    )
    return RunDirectory(Path("x"), "x", fields if trained else {**fields, "history": []})


def test_the_reference_is_the_best_dense_network_over_its_seeds() -> None:
    good, better = [run(0, 0.95), run(1, 0.97)], [run(0, 0.99), run(1, 0.95)]
    found = Reference.of([good, better])
    assert found == Reference({0: 0.99, 1: 0.95}, {0: 0.98, 1: 0.94}, trained=True, networks=2)
    assert found.above(better) == 0
    assert found.above(good) == pytest.approx(0.01)


def test_a_lucky_seed_is_not_the_reference() -> None:
    assert Reference.of([[run(0, 0.95), run(1, 0.97)], [run(2, 0.99)]]).val == {0: 0.95, 1: 0.97}


def test_networks_are_compared_over_the_seeds_that_both_have() -> None:
    reference = Reference.of([[run(0, 0.95), run(1, 0.97)]])
    assert reference.above([run(0, 0.95)]) == 0, "the same network, with fewer seeds"
    assert reference.above([run(1, 0.98)]) == 0, "better"
    assert reference.above([run(7, 0.90)]) == pytest.approx(0.06), "no common seed"


def test_without_a_trained_dense_network_the_best_final_network_is_the_reference() -> None:
    settings = [[run(0, 0.1, 0.8, trained=False)], [run(0, 0.1, 0.9, trained=False)]]
    found = Reference.of(settings)
    assert (found.val, found.trained) == ({0: 0.9}, False)
    assert found.above(settings[0]) == pytest.approx(0.8), "0.1 more than the drop from the untrained network says"
    assert Reference.of([*settings, [run(0, 0.6)]]).val == {0: 0.6}


def test_given_weights_are_one_trained_network() -> None:
    given = [run(seed, 0.95, trained=False) for seed in (0, 1)]
    for each in given:
        each.result.update(weights="0123", dense_digest="4567")
    found = Reference.of([given])
    assert (found.trained, found.networks) == (True, 1)
