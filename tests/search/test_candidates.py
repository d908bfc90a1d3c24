from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from searches import save_search
from support import edit

from prunesweep.errors import UsageError
from prunesweep.results.intervals import wilson
from prunesweep.search.candidates import candidates

# 500 validation images: Wilson's interval of 0.97 is [0.951, 0.982], that of 0.95 is [0.927, 0.966],
# that of 0.90 is [0.871, 0.923], and that of 0.80 is [0.763, 0.833].
TRIALS = {
    0: [(0.97, 0.5)],  # in the Pareto set
    1: [(0.95, 0.5)],  # reaches trial 0: 0.966 > 0.951
    2: [(0.90, 0.5)],  # out of reach: 0.923 < 0.951
    3: [(0.80, 0.9)],  # in the Pareto set
    4: [(0.96, 0.4)],  # reaches trial 0, nearer than trial 1
    5: [(0.75, 0.8)],  # reaches trial 3: its upper end is 0.786
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return save_search(tmp_path, TRIALS)


def test_trials_whose_interval_reaches_the_pareto_set_are_candidates(sweep: Path) -> None:
    found = candidates(sweep)
    assert [(each.trial, each.member) for each in found.chosen] == [
        (0, True),
        (3, True),
        (4, False),
        (1, False),
        (5, False),
    ]
    assert (found.members, found.reaching, found.absent) == (2, 3, 0)
    assert found.chosen[0].interval == wilson(0.97, 500, 0.95)
    assert found.chosen[3].distance == pytest.approx(0.02 / ((0.9657 - 0.95) + (0.97 - 0.9511)), abs=0.005)


def test_the_nearest_ones_are_chosen_first(sweep: Path) -> None:
    found = candidates(sweep, most=1)
    assert [each.trial for each in found.chosen] == [0, 3, 4]
    assert found.reaching == 3
    assert [each.trial for each in candidates(sweep, most=0).chosen] == [0, 3]


def test_a_higher_level_reaches_further(sweep: Path) -> None:
    assert [each.trial for each in candidates(sweep, level=0.5).chosen] == [0, 3, 4]
    assert {each.trial for each in candidates(sweep, level=0.9999).chosen} == {0, 1, 2, 3, 4, 5}


def test_the_spread_over_seeds_reaches_further(tmp_path: Path) -> None:
    steady = {0: [(0.97, 0.5)] * 2, 2: [(0.90, 0.5)] * 2}
    assert [each.trial for each in candidates(save_search(tmp_path / "steady", steady)).chosen] == [0]
    noisy = {**steady, 2: [(0.88, 0.5), (0.92, 0.5)]}
    found = candidates(save_search(tmp_path / "noisy", noisy))
    assert [each.trial for each in found.chosen] == [0, 2]
    assert found.chosen[1].overrides == ("prune.amount=0.5",)


@pytest.mark.parametrize(("option", "value"), [("level", 0), ("level", 1), ("level", float("nan")), ("most", -1)])
def test_options_outside_their_range_are_refused(option: str, value: float, sweep: Path) -> None:
    with pytest.raises(UsageError, match=f"--{option}={value}: must be at least 0|--{option}={value}: must be above 0"):
        candidates(sweep, **{option: value})  # type: ignore[arg-type]


def test_code_that_the_config_of_a_candidate_names_is_refused(sweep: Path) -> None:
    edit(sweep / "2", prune__target="evil.py")
    candidates(sweep)
    edit(sweep / "4", prune__target="evil.py")
    with pytest.raises(UsageError, match="its config names code, prune.target=evil.py"):
        candidates(sweep)


@settings(max_examples=10, deadline=None)
@given(
    points=st.lists(
        st.tuples(st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.sampled_from([0.1, 0.5, 0.9])), min_size=1, max_size=6
    )
)
def test_the_set_is_chosen_and_more_images_never_add_a_candidate(
    points: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    trials = {number: [point] for number, point in enumerate(points)}
    folders = {images: tmp_path_factory.mktemp(str(images)) for images in (100, 1_000)}
    few, many = (candidates(save_search(folder, trials, images)) for images, folder in folders.items())
    members = {each.trial for each in few.chosen if each.member}
    assert members == {each.trial for each in many.chosen if each.member}
    assert members <= {each.trial for each in many.chosen} <= {each.trial for each in few.chosen}
