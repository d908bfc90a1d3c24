import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.results.intervals import accuracy_interval, half_width, wilson
from prunesweep.results.objectives import objective
from prunesweep.results.pareto import pareto
from prunesweep.search.reach import distances, interval

BOTH = (True, True)


def test_a_count_is_exact_and_scores_are_not() -> None:
    values = [0.8, 0.9]
    assert interval(objective("param_reduction"), values, 100, 0.95) == pytest.approx((0.85, 0.85))
    assert interval(objective("pruned.val_accuracy"), values, 100, 0.95) == accuracy_interval(values, 100, 0.95)
    half = half_width(values, 0.95)
    assert interval(objective("val_loss"), values, 100, 0.95) == pytest.approx((0.85 - half, 0.85 + half))
    assert interval(objective("val_loss"), [0.8], 100, 0.95) == (0.8, 0.8), "one seed shows no spread"
    assert interval(objective("latency_us"), values, 100, 0.95) == pytest.approx((0.85 - half, 0.85 + half))
    assert interval(objective("packed_bytes"), values, 100, 0.95) == pytest.approx((0.85, 0.85))


# Accuracy with an interval of 0.02 to each side; the reduction is exact.
#  trial  accuracy  reduction
#  a      0.90      0.5        in the Pareto set
#  b      0.80      0.9        in the Pareto set
#  c      0.87      0.5        0.03 below a: reaches it with 0.03 / 0.04 of the intervals
#  d      0.85      0.4        0.05 below a: out of reach
#  e      0.80      0.5        0.10 below a: out of reach, although as accurate as b
#  f      0.78      0.9        0.02 below b: half of the intervals
#  g      0.77      0.6        0.03 below b
POINTS = [(0.90, 0.5), (0.80, 0.9), (0.87, 0.5), (0.85, 0.4), (0.80, 0.5), (0.78, 0.9), (0.77, 0.6)]
MEMBERS = [True, True, False, False, False, False, False]
WIDTH = np.array([0.02, 0.0])


def test_the_distance_is_the_share_of_the_intervals_that_is_needed() -> None:
    points = np.array(POINTS)
    found = distances(points, points - WIDTH, points + WIDTH, MEMBERS, BOTH)
    assert found == pytest.approx([0, 0, 0.75, 1.25, 2.5, 0.5, 0.75])


def test_a_minimized_objective_is_moved_to_the_other_side() -> None:
    points = np.array(POINTS) * [-1, 1]
    found = distances(points, points - WIDTH, points + WIDTH, MEMBERS, (False, True))
    assert found == pytest.approx([0, 0, 0.75, 1.25, 2.5, 0.5, 0.75])


def test_each_side_of_an_interval_counts_for_itself() -> None:
    points = [(0.9, 0.5), (0.8, 0.5)]
    low, high = [(0.87, 0.5), (0.0, 0.5)], [(1.0, 0.5), (0.82, 0.5)]
    assert distances(points, low, high, [True, False], BOTH)[1] == pytest.approx(0.1 / (0.03 + 0.02))


def test_without_uncertainty_only_the_set_itself_reaches_it() -> None:
    found = distances(POINTS, POINTS, POINTS, MEMBERS, BOTH)
    assert found.tolist() == [0, 0, *[math.inf] * 5]


accuracies = st.integers(0, 20).map(lambda value: value / 20)
clouds = st.lists(st.tuples(accuracies, accuracies, accuracies), min_size=1, max_size=10)
MORE = (True, False, True)


def intervals(points: np.ndarray, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of intervals around the first two objectives; the last is exact."""
    ends = np.array([[wilson(value, images, 0.95) for value in row] for row in points])
    ends[:, 2] = points[:, 2:]
    return ends[..., 0], ends[..., 1]


def is_dominated(one: np.ndarray, other: np.ndarray) -> bool:
    better = np.where(MORE, other - one, one - other)
    return bool((better >= 0).all() and (better > 0).any())


@given(clouds, st.integers(1, 1_000))
def test_a_point_reaches_the_set_unless_a_member_surely_dominates_it(
    cloud: list[tuple[float, float, float]], images: int
) -> None:
    points = np.array(cloud)
    members = pareto(points, MORE)
    low, high = intervals(points, images)
    optimistic, pessimistic = np.where(MORE, high, low), np.where(MORE, low, high)
    found = distances(points, low, high, members, MORE)
    for index, distance in enumerate(found):
        surely = any(is_dominated(optimistic[index], pessimistic[member]) for member in np.flatnonzero(members))
        if abs(distance - 1) > 1e-9:
            assert (distance > 1) == surely


@given(clouds, st.integers(1, 1_000))
def test_the_pareto_set_is_at_distance_zero(cloud: list[tuple[float, float, float]], images: int) -> None:
    points = np.array(cloud)
    members = pareto(points, MORE)
    assert (distances(points, *intervals(points, images), members, MORE)[members] == 0).all()


@given(clouds, st.lists(st.integers(1, 10_000), min_size=2, max_size=4).map(sorted))
def test_more_images_never_bring_a_trial_closer(cloud: list[tuple[float, float, float]], images: list[int]) -> None:
    points = np.array(cloud)
    members = pareto(points, MORE)
    found = [distances(points, *intervals(points, each), members, MORE) for each in images]
    for fewer, more in itertools.pairwise(found):
        assert (fewer <= more * (1 + 1e-9)).all()
