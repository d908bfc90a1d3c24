import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from prunesweep.results.pareto import attainment, hypervolume, improving, knee, pareto, ranks

LESS = (False, False)
NAN = float("nan")

# accuracy
#  3 |        d
#  2 |     b
#  1 |  a     c     c is dominated by b and d
#    +---1--2--3     parameters left
NETWORKS = [(1, 1), (2, 2), (3, 1), (3, 3)]
FEW_AND_ACCURATE = (False, True)

values = st.integers(0, 6).map(float)
clouds = st.lists(st.tuples(values, values), min_size=1, max_size=12)
directions = st.tuples(st.booleans(), st.booleans())


def dominates(one: tuple[float, ...], other: tuple[float, ...], maximize: tuple[bool, ...]) -> bool:
    pairs = [(b, a) if more else (a, b) for a, b, more in zip(one, other, maximize, strict=True)]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def test_the_pareto_set_contains_the_points_that_no_other_dominates() -> None:
    assert pareto(NETWORKS, FEW_AND_ACCURATE).tolist() == [True, True, False, True]
    assert pareto(NETWORKS, LESS).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        ([(1, 1), (1, 1), (2, 2)], [True, True, False]),
        ([(1, 1), (1, 2)], [True, False]),
        ([(0, NAN), (1, 1)], [False, True]),
        ([(NAN, NAN)], [False]),
    ],
    ids=["none", "equal", "weakly dominated", "a NaN", "only NaN"],
)
def test_the_pareto_set_of_special_cases(points: list[tuple[float, float]], expected: list[bool]) -> None:
    assert pareto(points, LESS).tolist() == expected


@given(clouds, directions)
def test_the_pareto_set_agrees_with_its_definition(
    points: list[tuple[float, float]], maximize: tuple[bool, bool]
) -> None:
    expected = [not any(dominates(other, point, maximize) for other in points) for point in points]
    assert pareto(points, maximize).tolist() == expected


def test_the_hypervolume_is_a_sum_of_rectangles() -> None:
    # From the reference (4, 0): a spans 3 x 1, b adds 2 x 1 above it, d adds 1 x 1 above that.
    assert hypervolume(NETWORKS, (4, 0), FEW_AND_ACCURATE) == 6
    assert hypervolume([(1, 1)], (4, 0), FEW_AND_ACCURATE) == 3
    assert hypervolume([(1, 2, 3)], (2, 4, 6), (False, False, False)) == 6


@pytest.mark.parametrize("points", [[], [(5, 1)], [(4, 1)], [(1, 0)], [(NAN, 1)]])
def test_points_that_are_not_better_than_the_reference_have_no_volume(points: list[tuple[float, float]]) -> None:
    assert hypervolume(points, (4, 0), FEW_AND_ACCURATE) == 0


@given(clouds, st.tuples(values, values), directions)
def test_another_point_never_lowers_the_hypervolume(
    points: list[tuple[float, float]], another: tuple[float, float], maximize: tuple[bool, bool]
) -> None:
    reference = tuple(-1.0 if more else 7.0 for more in maximize)
    assert hypervolume([*points, another], reference, maximize) >= hypervolume(points, reference, maximize) > 0


@given(clouds, directions)
def test_the_hypervolume_depends_on_the_pareto_set_only(
    points: list[tuple[float, float]], maximize: tuple[bool, bool]
) -> None:
    reference = tuple(-1.0 if more else 7.0 for more in maximize)
    front = [point for point, kept in zip(points, pareto(points, maximize), strict=True) if kept]
    assert hypervolume(front, reference, maximize) == pytest.approx(hypervolume(points, reference, maximize))


def test_points_that_increase_the_hypervolume_in_their_order() -> None:
    assert improving(NETWORKS, (4, 0), FEW_AND_ACCURATE).tolist() == [True, True, False, True]
    assert improving([(1, 1), (1, 1), (2, 1)], (4, 0), FEW_AND_ACCURATE).tolist() == [True, False, False]
    assert improving([(4, 1), (1, 0)], (4, 0), FEW_AND_ACCURATE).tolist() == [False, False], "not above the reference"
    assert improving([], (4, 0), FEW_AND_ACCURATE).tolist() == []


@given(clouds, st.tuples(values, values), directions)
def test_exactly_the_improving_points_increase_the_hypervolume(
    points: list[tuple[float, float]], reference: tuple[float, float], maximize: tuple[bool, bool]
) -> None:
    volumes = [hypervolume(points[:count], reference, maximize) for count in range(len(points) + 1)]
    expected = [after > before for before, after in itertools.pairwise(volumes)]
    assert improving(points, reference, maximize).tolist() == expected


def test_the_knee_is_where_the_frontier_bends() -> None:
    # Scaled to [0, 1]: (0, 0), (0.25, 0.8), (0.5, 0.9), (1, 1); gains over the diagonal 0.55 and 0.4.
    assert knee([(0, 0), (1, 8), (2, 9), (4, 10)], FEW_AND_ACCURATE) == 1
    assert knee([(0, 10), (1, 2), (2, 1), (4, 0)], LESS) == 1


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1, 1), (2, 2)],
        [(1, 1), (2, 2), (3, 3)],
        [(0, 0), (3, 1), (4, 4)],
        [(1, 1), (1, 1), (1, 1)],
        [(1, NAN), (2, 2), (3, 3)],
    ],
    ids=["none", "two", "straight", "bent the other way", "equal", "a NaN"],
)
def test_a_frontier_without_a_knee(points: list[tuple[float, float]]) -> None:
    assert knee(points, FEW_AND_ACCURATE) is None


@given(clouds, st.floats(0.5, 20), st.floats(-5, 5))
def test_the_knee_is_a_pareto_point_and_does_not_depend_on_the_scale(
    points: list[tuple[float, float]], factor: float, shift: float
) -> None:
    index = knee(points, FEW_AND_ACCURATE)
    if index is not None:
        assert pareto(points, FEW_AND_ACCURATE)[index]
        moved = knee([(x * factor + shift, y) for x, y in points], FEW_AND_ACCURATE)
        assert moved is not None
        assert pareto(points, FEW_AND_ACCURATE)[moved]


def test_the_attainment_surfaces_of_two_seeds() -> None:
    # Seed 0 attains 1 with 1 parameter and 2 with 3; seed 1 attains 2 with 2.
    points, seeds = [(1, 1), (2, 2), (3, 2)], [0, 1, 0]
    one = attainment(points, seeds, 0.5, FEW_AND_ACCURATE)
    both = attainment(points, seeds, 1, FEW_AND_ACCURATE)
    assert_array_equal(one, [(1, 1), (2, 2)])
    assert_array_equal(both, [(2, 1), (3, 2)])


def test_the_attainment_surface_of_nothing_is_empty() -> None:
    assert attainment([], [], 1, FEW_AND_ACCURATE).shape == (0, 2)
    assert attainment([(NAN, 1)], [0], 1, FEW_AND_ACCURATE).shape == (0, 2)


@given(clouds, directions)
def test_the_attainment_surface_of_one_set_is_its_pareto_set(
    points: list[tuple[float, float]], maximize: tuple[bool, bool]
) -> None:
    front = np.unique(np.asarray(points)[pareto(points, maximize)], axis=0)
    for share in (0.5, 1):
        assert_array_equal(np.unique(attainment(points, [7] * len(points), share, maximize), axis=0), front)


@given(st.lists(st.tuples(values, values, st.integers(0, 3)), min_size=1, max_size=12))
def test_each_set_attains_what_all_sets_attain(rows: list[tuple[float, float, int]]) -> None:
    points, sets = [row[:2] for row in rows], [row[2] for row in rows]
    for x, y in attainment(points, sets, 1, LESS):
        for one in set(sets):
            assert any(a <= x and b <= y for (a, b), label in zip(points, sets, strict=True) if label == one)


def test_the_rank_counts_the_pareto_sets_that_come_before() -> None:
    assert ranks(NETWORKS, FEW_AND_ACCURATE) == [0, 0, 1, 0]
    assert ranks(NETWORKS, LESS) == [0, 1, 1, 2]


@given(points=clouds, maximize=directions)
def test_rank_zero_is_the_pareto_set(points: list[tuple[float, float]], maximize: tuple[bool, bool]) -> None:
    assert [rank == 0 for rank in ranks(points, maximize)] == pareto(points, maximize).tolist()
