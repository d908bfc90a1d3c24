from hypothesis import given
from hypothesis import strategies as st

from prunesweep.pruning.densities import by_density

SIZES = {"a": 100, "b": 10}
NONE = {"a": 0, "b": 0}


def kept(pruned: int, densities: dict[str, float], least: dict[str, int] = NONE) -> dict[str, int]:
    lost = by_density(SIZES, pruned, densities, least)
    assert sum(lost.values()) == pruned
    return {name: SIZES[name] - count for name, count in lost.items()}


def test_equal_densities_keep_equal_fractions() -> None:
    assert kept(55, {"a": 1, "b": 1}) == {"a": 50, "b": 5}


def test_kept_fractions_have_the_ratio_of_the_densities() -> None:
    assert kept(102, {"a": 1, "b": 10}) == {"a": 4, "b": 4}  # 4 % and 40 %


def test_what_a_parameter_cannot_keep_goes_to_the_others() -> None:
    assert kept(70, {"a": 1, "b": 10}) == {"a": 30, "b": 10}


def test_every_parameter_keeps_its_least() -> None:
    assert kept(100, {"a": 1, "b": 1e-6}, {"a": 0, "b": 3}) == {"a": 7, "b": 3}
    assert sum(kept(108, {"a": 1, "b": 1}, {"a": 2, "b": 2}).values()) == 2  # which is not possible, and reported later


def test_the_largest_remainder_is_rounded_up() -> None:
    assert kept(103, {"a": 1, "b": 1}) == {"a": 6, "b": 1}  # of 6.36 and 0.64


def test_nothing_and_everything() -> None:
    assert kept(0, {"a": 1, "b": 3}) == SIZES
    assert kept(110, {"a": 1, "b": 3}) == NONE


names = st.sampled_from("abcdef")
sizes = st.dictionaries(names, st.integers(1, 10**6), min_size=1)


@given(sizes=sizes, data=st.data())
def test_the_total_is_exact_and_more_density_never_keeps_less(sizes: dict[str, int], data: st.DataObject) -> None:
    pruned = data.draw(st.integers(0, sum(sizes.values())))
    logs = {name: data.draw(st.floats(-5, 5)) for name in sizes}
    lost = by_density(sizes, pruned, {name: 2.0**log for name, log in logs.items()}, dict.fromkeys(sizes, 0))
    assert sum(lost.values()) == pruned
    assert all(0 <= lost[name] <= size for name, size in sizes.items())
    for one in sizes:
        for other in sizes:
            if logs[one] >= logs[other]:
                fractions = [(sizes[name] - lost[name]) / sizes[name] for name in (one, other)]
                assert fractions[0] >= fractions[1] - 1 / sizes[one] - 1 / sizes[other]
