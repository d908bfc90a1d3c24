from collections.abc import Mapping
from pathlib import Path

from fakes import TOTAL, fake_fields

from prunesweep.report.compute.confirmation import confirmations
from prunesweep.report.compute.groups import Spread, experiments
from prunesweep.report.compute.verdict import Verdict, accuracy, verdict
from prunesweep.results.run_directory import RunDirectory

DENSE = 0.97


def run(name: str, amount: float, seed: int, val: float, dense: float = DENSE, criterion: str = "l1") -> RunDirectory:
    scores = {"val_accuracy": val, "test_accuracy": val - 0.01}
    before = {"val_accuracy": dense, "test_accuracy": dense - 0.01}
    fields = fake_fields(amount, seed, digest=f"{criterion}{amount}{seed}", final=scores, dense=before)
    directory = RunDirectory(Path(name), name, fields)
    directory.__dict__["settings"] = {"prune.criterion": criterion, "prune.amount": amount}  # in place of the file
    return directory


def judged(
    drops: Mapping[float, tuple[float, ...]], images: int = 5_000, new: Mapping[float, float] | None = None
) -> Verdict:
    """Return the verdict on amounts, each with its drops of validation accuracy for seeds 0, 1, ..."""
    runs = [
        run(f"{amount}/seed={seed}", amount, seed, DENSE - drop)
        for amount, values in drops.items()
        for seed, drop in enumerate(values)
    ]
    groups = experiments(runs)
    confirmed = [run(f"{amount}/seed=9", amount, 9, DENSE - drop) for amount, drop in (new or {}).items()]
    return verdict(range(len(groups)), runs, groups, confirmations(confirmed, runs, groups), (images, images))


def roles(found: Verdict) -> dict[str, int]:
    return {role: choice.experiment for choice in found.choices for role in choice.roles}


def test_the_smallest_within_the_limit_is_recommended_if_it_is_not_measurably_worse() -> None:
    found = judged({0.5: (0.0005, 0.0, 0.001), 0.8: (0.002, 0.001, 0.0), 0.9: (0.05, 0.05, 0.051)})
    assert roles(found) == {"safest": 0, "recommended": 1, "smallest": 1}
    assert [choice.tied for choice in found.choices] == [(1,), (0,)]
    assert found.sentence == (
        "Keep 20 % of the parameters (12,341 of 61,706): test accuracy 95.90 ± 0.10 % against 96.00 ± 0.00 % dense "
        "(3 seeds)."
    )


def test_a_measurable_drop_within_the_limit_is_smallest_but_not_recommended() -> None:
    found = judged({0.5: (0.0, 0.0001, 0.0), 0.9: (0.0045, 0.0046, 0.0045)}, images=100_000)
    assert roles(found) == {"safest": 0, "recommended": 0, "smallest": 1}


def test_one_seed_does_not_beat_three() -> None:
    found = judged({0.5: (0.002, 0.001, 0.003), 0.9: (0.0,)})
    assert roles(found) == {"safest": 0, "recommended": 0, "smallest": 1}
    assert [choice.evidence.seeds for choice in found.choices] == [3, 1]


def test_a_single_seed_is_in_the_sentence() -> None:
    assert judged({0.5: (0.0,)}).sentence.endswith("dense (one seed).")


def test_without_a_setting_within_the_limit_the_safest_is_named() -> None:
    found = judged({0.5: (0.02,), 0.9: (0.1,)})
    assert roles(found) == {"safest": 0}
    assert found.sentence.startswith(
        "No pruned network is within 0.5 points of the validation accuracy of the dense network. The safest keeps 50 %"
    )


def judge(*runs: RunDirectory) -> Verdict:
    groups = experiments(runs)
    return verdict(range(len(groups)), runs, groups, {}, (5_000, 5_000))


def test_each_drop_is_relative_to_the_best_dense_network() -> None:
    found = judge(run("0", 0.5, 0, 0.988, dense=0.99), run("1", 0.9, 0, 0.90, dense=0.90))
    assert roles(found)["recommended"] == 0
    found = judge(run("0", 0.5, 0, 0.97, dense=0.99), run("1", 0.9, 0, 0.986, dense=0.90))
    assert roles(found)["recommended"] == 1
    assert found.sentence.endswith("test accuracy 97.60 % against 98.00 % dense (one seed).")


def test_an_untrained_network_is_no_reference() -> None:
    untrained = run("0", 0.5, 0, 0.90, dense=0.1)
    untrained.result["history"] = []
    assert roles(judge(untrained, run("1", 0.9, 0, 0.97, dense=0.97)))["recommended"] == 1
    alone = judge(untrained)
    assert alone.sentence.endswith("test accuracy 89.00 %, without a trained dense network (one seed).")


def compared(drops: Mapping[tuple[str, float], tuple[float, ...]]) -> dict[str, tuple[str, float]]:
    """Return criterion and amount for each role, judged on 5,000 images."""
    runs = [
        run(f"{criterion}{amount}/{seed}", amount, seed, DENSE - drop, criterion=criterion)
        for (criterion, amount), values in drops.items()
        for seed, drop in enumerate(values)
    ]
    groups = experiments(runs)
    found = roles(verdict(range(len(groups)), runs, groups, {}, (5_000, 5_000)))
    return {role: list(drops)[index] for role, index in found.items()}


def test_a_control_is_not_recommended_while_a_method_is_tied_with_it_or_better() -> None:
    tied = compared({("random", 0.9): (0.0, 0.001, 0.0), ("l1", 0.5): (0.0005, 0.001, 0.0)})
    assert tied == {"safest": ("l1", 0.5), "recommended": ("l1", 0.5), "smallest": ("random", 0.9)}
    better = compared({("random", 0.9): (0.002, 0.0021, 0.002), ("l1", 0.5): (0.0, 0.0, 0.0)})
    assert better["recommended"] == ("l1", 0.5)


def test_a_control_is_recommended_if_it_is_better_than_every_method() -> None:
    found = compared({("random", 0.5): (0.0, 0.0001, 0.0), ("l1", 0.9): (0.05, 0.0501, 0.05)})
    assert set(found.values()) == {("random", 0.5)}


def test_a_tied_method_with_one_seed_is_recommended_before_a_control_with_three() -> None:
    assert compared({("random", 0.5): (0.0, 0.001, 0.0), ("l1", 0.5): (0.0,)})["recommended"] == ("l1", 0.5)


def test_a_tied_method_is_named_if_nothing_is_within_the_limit() -> None:
    assert compared({("random", 0.5): (0.02,), ("l1", 0.5): (0.021,)}) == {"safest": ("l1", 0.5)}


def test_new_seeds_replace_the_accuracy_of_the_search() -> None:
    found = judged({0.5: (0.001,), 0.9: (-0.01,)}, new={0.5: 0.002, 0.9: 0.03})
    assert roles(found) == {"safest": 0, "recommended": 0, "smallest": 0}
    assert found.sentence.endswith("(confirmed with one new seed).")


def test_without_pruning_there_is_nothing_to_choose() -> None:
    found = judged({0.0: (0.0,)})
    assert (found.sentence, found.choices) == ("No network was pruned.", [])


def test_the_run_to_export_has_the_highest_validation_accuracy() -> None:
    (choice,) = judged({0.5: (0.002, 0.001, 0.003)}).choices
    assert choice.run == 1
    assert choice.test == Spread(choice.test.mean, choice.test.sd)
    assert TOTAL == 61_706


def test_an_accuracy_in_percent() -> None:
    assert accuracy(Spread(0.9623, 0.0031), 1) == "96.2 ± 0.3 %"
    assert accuracy(Spread(0.9623, None)) == "96.23 %"
