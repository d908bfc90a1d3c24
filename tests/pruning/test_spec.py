import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.errors import UsageError
from prunesweep.pruning.criteria import CRITERIA
from prunesweep.pruning.settings import Pruning
from prunesweep.pruning.spec import Fractions, PruneSpec, resolve

SHAPES = {"conv1.weight": (2, 1, 5, 5), "fc1.weight": (10, 20)}
DIVISIBLE = {"fc1.weight": (10, 20)}
ROUNDING = 1e-12


def resolved(**settings: object) -> PruneSpec:
    return resolve(Pruning(**settings), SHAPES, params_total=300)  # type: ignore[arg-type]


# Targets


@pytest.mark.parametrize(
    ("settings", "amount"),
    [
        ({}, 0.2),
        ({"amount": 0.7}, 0.7),
        ({"compression": 2.0}, 150 / 250),
        ({"structure": "channel"}, 0.2),
        ({"criterion": "none", "amount": 0.9}, 0.0),
    ],
)
def test_each_target_becomes_an_amount(settings: dict[str, object], amount: float) -> None:
    assert resolved(**settings).fractions == Fractions(amount)


def test_the_amount_of_n_of_m_follows_from_n_and_m() -> None:
    spec = resolve(Pruning(structure="n_of_m", n=1, m=4), DIVISIBLE, 200)
    assert (spec.fractions, spec.group) == (Fractions(0.75), (1, 4))


def test_a_compression_is_of_the_whole_model_and_includes_layers_with_their_own_fraction() -> None:
    spec = resolved(compression=2.0, per_layer={"conv1": 0.5})
    assert sum(budget.count for budget in spec.budgets(SHAPES)) == 150


def test_the_requested_fraction_is_of_all_selected_units() -> None:
    assert resolved(amount=0.3).requested(SHAPES) == 0.3
    assert resolved(amount=0.3, per_layer={"conv1": 0.5}).requested(SHAPES) == (25 + 60) / 250
    assert resolved(amount=0.5, structure="channel", per_layer={"fc1": 0.2}).requested(SHAPES) == (1 + 2) / 12


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"compression": 7.0},
            r"prune.compression=7: with 250 of 300 parameters selected, compressions from 1 to 6 can be reached",
        ),
        (
            {"amount": 0.9, "floor": 0.5},
            r"prune.floor=0.5: 225 of 250 units of conv1, fc1 should be pruned, but at most 125 can",
        ),
        (
            {"per_layer": {"fc1": 0.9}, "floor": 100.0},
            r"prune.floor=100: 180 of 200 units of fc1 should be pruned, but at most 100 can",
        ),
        ({"per_layer": {"fc2": 0.9}}, r"prune.per_layer=fc2: must be one of conv1, fc1. Did you mean 'fc1'"),
        ({"structure": "n_of_m"}, r"prune.m=4: must divide .* conv1 \(25\)"),
        ({"structure": "channel", "amount": 1.0}, r"each layer keeps at least one channel: .* at most 10 can be"),
        ({"criterion": "custom", "target": "nope.score"}, r"prune.target=nope.score: cannot be imported"),
    ],
)
def test_targets_that_cannot_be_reached_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolved(**settings)


# Description, from which digests are computed


@pytest.mark.parametrize(
    ("settings", "description"),
    [
        ({}, {"criterion": "l1", "fractions": {"amount": 0.2, "per_layer": {}}}),
        (
            {"criterion": "snip", "batches": 3, "batch_size": 32},
            {"criterion": "snip", "fractions": {"amount": 0.2, "per_layer": {}}, "sample": (3, 32)},
        ),
        (
            {"scope": "erk", "floor": 0.1, "iterations": 4, "per_layer": {"fc1": 0.5}},
            {
                "criterion": "l1",
                "fractions": {"amount": 0.2, "per_layer": {"fc1": 0.5}},
                "scope": "erk",
                "floor": 0.1,
                "iterations": 4,
            },
        ),
        (
            {"criterion": "none", "amount": 0.9, "scope": "erk", "iterations": 3},
            {"criterion": "none", "fractions": {"amount": 0.0, "per_layer": {}}},
        ),
    ],
    ids=["default", "snip", "every field", "none"],
)
def test_the_description_leaves_out_fields_at_their_defaults(
    settings: dict[str, object], description: dict[str, object]
) -> None:
    assert resolved(**settings).describe() == description


def test_a_new_field_with_a_neutral_default_keeps_the_description() -> None:
    @dataclass(frozen=True)
    class Extended(PruneSpec):
        damping: float = 0.0

    spec = resolved(criterion="snip", scope="layerwise")
    values = {each.name: getattr(spec, each.name) for each in fields(spec)}
    assert Extended(**values).describe() == spec.describe()
    assert Extended(**values, damping=0.5).describe() == {**spec.describe(), "damping": 0.5}


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_sample_is_described_only_for_criteria_that_need_data(criterion: str) -> None:
    default, other = resolved(criterion=criterion), resolved(criterion=criterion, batches=3, batch_size=7)
    assert (default.describe() != other.describe()) == CRITERIA[criterion].needs_data


def test_n_and_m_are_described_only_for_n_of_m() -> None:
    assert resolved(n=1, m=8) == resolved()
    described = resolve(Pruning(structure="n_of_m", n=1, m=2), DIVISIBLE, 200).describe()
    assert described["group"] == (1, 2)
    assert "group" not in resolved().describe()


def test_the_start_is_described_only_with_several_passes() -> None:
    start = Fractions(0.1)
    once, often = resolved(amount=0.5), resolved(amount=0.5, iterations=3)
    assert replace(once, start=start).describe() == once.describe()
    assert replace(often, start=start).describe() == {**often.describe(), "start": {"amount": 0.1, "per_layer": {}}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"amount": 0.2}),
        ({"compression": 2.0}, {"amount": 0.6}),
        ({"batches": 5}, {"batch_size": 5}),
        ({"criterion": "none"}, {"criterion": "none", "amount": 0.9, "scope": "erk", "floor": 1.0}),
    ],
)
def test_equivalent_settings_give_equal_specifications(one: dict[str, object], other: dict[str, object]) -> None:
    assert resolved(**one) == resolved(**other)
    assert resolved(**one).describe() == resolved(**other).describe()


def test_the_code_of_a_users_own_criterion_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for module, body in (("spec_one", "of.weight"), ("spec_two", "-of.weight")):
        (tmp_path / f"{module}.py").write_text(f"def score(of):\n    return {body}\n")
    one, two = (resolved(criterion="custom", target=f"{name}.score") for name in ("spec_one", "spec_two"))
    assert one.code
    assert one.code != two.code
    assert one.describe()["code"] == one.code
    assert resolved().code is None


# Passes


def amounts(spec: PruneSpec) -> list[float]:
    return [single.fractions.amount for single in spec.passes()]


def test_kept_fractions_of_the_passes_fall_geometrically() -> None:
    """Kept: 1, 0.8, 0.64, 0.512."""
    spec = PruneSpec("synflow", Fractions(1 - 0.8**3), iterations=3)
    assert amounts(spec) == pytest.approx([0.2, 0.36, 0.488])


def test_passes_begin_at_the_fraction_that_earlier_prunings_reached() -> None:
    """Kept: 0.64 after the first round; then 0.32, 0.16 and 0.08, each half of the one before."""
    first_round = Fractions(0.36)
    spec = PruneSpec("synflow", Fractions(0.0), iterations=3).at(Fractions(0.92), start=first_round)
    assert amounts(spec) == pytest.approx([0.68, 0.84, 0.92])


def test_fractions_of_single_layers_rise_on_their_own() -> None:
    """Kept of a: 0.5, 0.25, 0.125. Kept of b, which was not pruned before: 1, 0.9, 0.81."""
    start = Fractions(0.0, {"a": 0.5})
    spec = PruneSpec("l1", Fractions(0.0), iterations=2).at(Fractions(0.0, {"a": 0.875, "b": 0.19}), start)
    assert [single.fractions.per_layer for single in spec.passes()] == [
        {"a": pytest.approx(0.75), "b": pytest.approx(0.1)},
        {"a": 0.875, "b": 0.19},
    ]


def test_each_pass_is_a_complete_single_pass() -> None:
    spec = PruneSpec("snip", Fractions(0.9), Fractions(0.5), "erk", floor=2.0, iterations=4, sample=(1, 2))
    for single in spec.passes():
        assert (single.iterations, single.start) == (1, Fractions())
        assert replace(single, fractions=spec.fractions, start=spec.start, iterations=4) == spec


def test_everything_pruned_in_several_passes() -> None:
    assert amounts(PruneSpec("l1", Fractions(1.0), iterations=2)) == [1.0, 1.0]
    assert amounts(PruneSpec("l1", Fractions(1.0), Fractions(1.0), iterations=2)) == [1.0, 1.0]


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 30))
def test_fractions_rise_from_the_start_to_exactly_the_target(one: float, other: float, iterations: int) -> None:
    start, target = sorted((one, other))
    spec = PruneSpec("l1", Fractions(target, {"a": target}), Fractions(start, {"a": start}), iterations=iterations)
    passes = spec.passes()
    assert len(passes) == iterations
    assert passes[-1].fractions == spec.fractions
    for rising in (amounts(spec), [single.fractions.per_layer["a"] for single in passes]):
        assert all(math.isfinite(fraction) for fraction in rising)
        assert all(before <= after + ROUNDING for before, after in zip([start, *rising], rising, strict=False))
        assert all(fraction <= target + ROUNDING for fraction in rising)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (PruneSpec("l1", Fractions(0.5), scope="erk"), "0.5 by l1, erk"),
        (PruneSpec("l1", Fractions(0.5), structure="n_of_m", group=(2, 4)), "0.5 by l1"),
    ],
)
def test_text_of_a_specification(spec: PruneSpec, text: str) -> None:
    assert str(spec) == text
